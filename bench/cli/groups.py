"""Commands of `bench data`, `new`, `weights`, `cache`, `results`, `submit`: options only, as in `bench.cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Data, Folder, Json, Plugins, Quiet, Results, Weights, application, use_plugins
from bench.cli.results import cost

data_app = application(help="Where data lie, whether they are right, how to get them.")
new_app = application(help="Write a plug-in file that works, to start from.")
folder_app = application(help="A results folder as a whole.")
cache_app = application(help="Decoded images and features kept between runs.")
weights_app = application(help="Pre-trained weights of your own, and trained ones in other naming.")
submit_app = application(help="Results from outside: check, take in, say how far they were checked.")


By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who answers for it.")]


@new_app.command("baseline")
def new_baseline(ctx: typer.Context, name: str, folder: Folder = Path("plugins"), plugins: Plugins = None) -> None:
    """Write FOLDER/NAME.py with a method that trains."""
    from bench.cli.commands import new as command

    use_plugins(ctx, plugins)
    typer.echo(command.write("baseline", name, folder))


@new_app.command("dataset")
def new_dataset(
    ctx: typer.Context,
    name: str,
    folder: Folder = Path("plugins"),
    task: Annotated[str, typer.Option("--task", metavar="NAME", help="classification, detection, segmentation.")] = "",
    plugins: Plugins = None,
) -> None:
    """Write FOLDER/NAME.py for images in class folders, or with boxes or masks."""
    from bench.cli.commands import new as command

    use_plugins(ctx, plugins)
    typer.echo(command.write("dataset", name, folder, task))


@new_app.command("callback")
def new_callback(ctx: typer.Context, name: str, folder: Folder = Path("plugins"), plugins: Plugins = None) -> None:
    """Write FOLDER/NAME.py with what watches a run."""
    from bench.cli.commands import new as command

    use_plugins(ctx, plugins)
    typer.echo(command.write("callback", name, folder))


@new_app.command("recipe")
def new_recipe(ctx: typer.Context, name: str, folder: Folder = Path("plugins"), plugins: Plugins = None) -> None:
    """Write FOLDER/NAME.toml with how methods are trained."""
    from bench.cli.commands import new as command

    use_plugins(ctx, plugins)
    typer.echo(command.write("recipe", name, folder))


@data_app.command("audit")
def data_audit(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in pacs or breakhis[magnification=100].")],
    data: Data = None,
    partial: Annotated[bool, typer.Option("--partial", help="Accept counts other than the published ones.")] = False,
    groups: Annotated[
        Path | None, typer.Option("--groups", metavar="FILE", help="Write a list with groups of what looks alike.")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
    plugins: Plugins = None,
) -> None:
    """Decode and compare every sample.

    Exit code 1 on a problem that is not declared.
    """
    from bench.cli.commands import data as command

    use_plugins(ctx, plugins)
    raise typer.Exit(0 if command.audit(name, data, partial, groups, quiet, json) else 1)


@data_app.command("fetch")
def data_fetch(ctx: typer.Context, name: str, data: Data = None, quiet: Quiet = False, plugins: Plugins = None) -> None:
    """Download a data set that has a mirror."""
    from bench.cli.commands import data as command

    use_plugins(ctx, plugins)
    typer.echo(command.fetch(name, data, quiet))


@data_app.command("path")
def data_path(ctx: typer.Context, name: str, data: Data = None, plugins: Plugins = None) -> None:
    """Say where a data set lies, or is to be put."""
    from bench.cli.commands import data as command

    use_plugins(ctx, plugins)
    typer.echo(command.path(name, data))


@cache_app.command("ls")
def cache_ls(json: Json = False) -> None:
    """List what is kept, with sizes."""
    from bench.cli.commands import cache as command

    typer.echo(command.ls(json))


@cache_app.command("clear")
def cache_clear(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Beginning of a name; default: all.")] = None,
) -> None:
    """Delete what is kept; it is computed again when needed."""
    from bench.cli.commands import cache as command

    typer.echo(command.clear(name))


@folder_app.command("check")
def results_check(
    ctx: typer.Context, results: Results = Path("runs"), plugins: Plugins = None, json: Json = False
) -> None:
    """Read every record and all predictions: digests, metrics computed again, tables made again.

    Exit code 1 where one is damaged, or says something else.
    """
    from bench.cli.commands import results as command

    use_plugins(ctx, plugins)
    text, sound = command.check(results, json)
    typer.echo(text)
    raise typer.Exit(0 if sound else 1)


@folder_app.command("make")
def results_make(ctx: typer.Context, results: Results = Path("runs"), plugins: Plugins = None) -> None:
    """Write the tables and figures that made_by.txt names.

    Each from the records, by the command that stands beside it.
    """
    from bench.cli.commands import results as command

    use_plugins(ctx, plugins)
    typer.echo(command.remade(results))


folder_app.command("cost")(cost)


@folder_app.command("pack")
def results_pack(ctx: typer.Context, results: Results = Path("runs"), plugins: Plugins = None) -> None:
    """Round stored predictions to fewer bits.

    No metric as printed and no item as compared changes; reproduce rounds likewise.
    """
    from bench.cli.commands import results as command

    use_plugins(ctx, plugins)
    typer.echo(command.packed(results))


@submit_app.command("check")
def submit_check(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Records and predictions, as a results folder.")],
    results: Annotated[
        Path | None, typer.Option("--results", metavar="DIR", help="Known records to compare with.")
    ] = None,
    json: Json = False,
    plugins: Plugins = None,
) -> None:
    """Recompute every metric; compare ids, targets, fingerprints.

    Exit code 1 on a problem.
    """
    from bench.cli.commands import submit as command

    use_plugins(ctx, plugins)
    raise typer.Exit(0 if command.check(folder, results, json) else 1)


@submit_app.command("add")
def submit_add(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Records and predictions that pass their check.")],
    by: By,
    results: Results = Path("results"),
    plugins: Plugins = None,
) -> None:
    """Take checked results in, marked as submitted."""
    from bench.cli.commands import submit as command

    use_plugins(ctx, plugins)
    typer.echo(command.add(folder, results, by))


@submit_app.command("review")
def submit_mark(
    ctx: typer.Context,
    status: Annotated[str, typer.Argument(metavar="rerun|confirmed", help="The step taken.")],
    filter: Annotated[list[str], typer.Argument(metavar="FILTER...", help="As for `bench table`.")],
    by: By,
    results: Results = Path("results"),
    plugins: Plugins = None,
) -> None:
    """Say that results were run again, or confirmed."""
    from bench.cli.commands import submit as command

    use_plugins(ctx, plugins)
    typer.echo(command.review(status, " ".join(filter), results, by))


Numbers = Annotated[tuple[float, float, float] | None, typer.Option(metavar="R G B", help="Default: timm's.")]


@weights_app.command("add")
def weights_add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="safetensors, or a .pth of tensors alone.")],
    arch: Annotated[str, typer.Option("--arch", metavar="NAME", help="timm's, as in vit_base_patch16_224.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the backbone; default: the file's.")] = "",
    size: Annotated[int | None, typer.Option(metavar="PIXELS", help="Side of the input; default: timm's.")] = None,
    mean: Numbers = None,
    std: Numbers = None,
    interpolation: Annotated[str, typer.Option(metavar="NAME", help="bilinear or bicubic; default: timm's.")] = "",
    trained_on: Annotated[str, typer.Option(metavar="TEXT", help="Data they have seen, for warnings of overlap.")] = "",
    note: Annotated[str, typer.Option(metavar="TEXT", help="What a reader of a table should know.")] = "",
    key: Annotated[str, typer.Option(metavar="NAME", help="The file's state dict, where it holds several.")] = "",
    weights: Weights = None,
) -> None:
    """Take a checkpoint in timm's naming into the weights folder.

    Nothing in the file is run; its facts are written into the copy.
    """
    from bench.backbones.adding import Given
    from bench.cli.commands import weights as command

    given = Given(arch, size, mean or (), std or (), interpolation, trained_on, note, key)
    typer.echo(command.add(file, given, name, weights))


@weights_app.command("export")
def weights_export(
    ctx: typer.Context,
    cell: Annotated[str, typer.Argument(metavar="CELL|FILE", help="A run kept with --keep-weights, or its file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The safetensors file to write.")],
    results: Results = Path("runs"),
    weights: Weights = None,
    plugins: Plugins = None,
) -> None:
    """Write a kept head in the naming of its method's released code."""
    from bench.cli.commands import weights as command

    use_plugins(ctx, plugins)
    typer.echo(command.export(cell, results, out, weights))
