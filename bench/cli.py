"""The command line: options only. What a command does is in `bench.commands`, imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from bench.errors import BenchError

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Data root (else BENCH_DATA, else a user cache).")
]
Device = Annotated[str | None, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1, ...")]
Folder = Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where to write the file.")]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugins", metavar="DIR", help="Folder of your own plug-ins; may be repeated.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")]
Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Folder of the records.")]
Weights = Annotated[
    Path | None, typer.Option("--weights", metavar="DIR", help="Weights folder (else BENCH_WEIGHTS, else timm's hub).")
]


class Group(TyperGroup):
    """Turns expected errors into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BenchError as error:
            typer.echo(f"bench: {error}", err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            typer.echo("bench: stopped. Finished cells are stored; the same command continues.", err=True)
            raise typer.Exit(130) from error


def _application(**options: Any) -> typer.Typer:
    # without rich markup, help does not import rich: it answers in half the time
    return typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, **options)


app = _application(cls=Group, add_completion=False, help="Benchmark the adaptation of pre-trained vision models.")
data_app = _application(help="Where data lie, whether they are right, how to get them.")
new_app = _application(help="Write a plug-in file that works, to start from.")
cache_app = _application(help="Decoded images and features kept between runs.")
app.add_typer(data_app, name="data")
app.add_typer(new_app, name="new")
app.add_typer(cache_app, name="cache")


def main() -> NoReturn:
    """Entry point of the ``bench`` script."""
    app(prog_name="bench")
    sys.exit(0)  # unreachable: typer exits by itself


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(version("adaptbench"))
        raise typer.Exit


@app.callback()
def _shared(
    ctx: typer.Context,
    plugins: Plugins = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    ctx.obj = plugins or []


def _use_plugins(ctx: typer.Context, plugins: list[Path] | None) -> None:
    from bench import registry

    registry.use_folders([*ctx.obj, *(plugins or [])])


@app.command("list")
def list_(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Argument(help="datasets, baselines, backbones, suites or recipes")] = None,
    weights: Weights = None,
    plugins: Plugins = None,
    json: Json = False,
) -> None:
    """List what there is, one line each."""
    from bench.commands import listing

    _use_plugins(ctx, plugins)
    typer.echo(listing.show(kind, weights, json))


@app.command()
def show(ctx: typer.Context, name: str, weights: Weights = None, plugins: Plugins = None, json: Json = False) -> None:
    """Show one data set, baseline, backbone, suite or recipe with its parameters."""
    from bench.commands import show as command

    _use_plugins(ctx, plugins)
    typer.echo(command.show(name, weights, json))


@app.command()
def doctor(
    ctx: typer.Context,
    data: Data = None,
    weights: Weights = None,
    results: Results = Path("runs"),
    plugins: Plugins = None,
    json: Json = False,
) -> None:
    """Report versions, devices, data and weights; exit code 1 when something essential is missing."""
    from bench.commands import doctor as command

    _use_plugins(ctx, plugins)
    text, healthy = command.report(data, weights, results, json)
    typer.echo(text)
    raise typer.Exit(0 if healthy else 1)


@app.command()
def run(
    ctx: typer.Context,
    targets: Annotated[
        list[str], typer.Argument(metavar="SUITE|CELL...", help="Suites by name or file, cells by name.")
    ],
    override: Annotated[
        list[str] | None, typer.Option("-o", metavar="KEY=VALUE", help="Replace a suite's variable.")
    ] = None,
    data: Data = None,
    results: Results = Path("runs"),
    weights: Weights = None,
    device: Device = None,
    executor: Annotated[str, typer.Option(help="What carries out groups of cells.")] = "inline",
    partial: Annotated[bool, typer.Option("--partial", help="Accept incomplete data; tables say so.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; run nothing.")] = False,
    no_fuse: Annotated[
        bool, typer.Option("--no-fuse", help="Train cells one by one; the numbers are the same.")
    ] = False,
    time_limit: Annotated[float | None, typer.Option(metavar="SECONDS", help="Longest a cell may take.")] = None,
    bank_gb: Annotated[float, typer.Option(metavar="GB", help="Disk that kept features may take.")] = 20.0,
    quiet: Quiet = False,
    json: Json = False,
    plugins: Plugins = None,
) -> None:
    """Run what is missing, failed or stale of suites and cells, then print their table.

    A cell is named dataset/backbone/method/recipe/seed=N, with parameters as in cladapter[k=5].
    """
    from bench.commands import run as command
    from bench.settings import Settings

    _use_plugins(ctx, plugins)
    settings = Settings(
        results=results,
        data=data,
        weights=weights,
        device=device,
        partial=partial,
        fuse=not no_fuse,
        time_limit=time_limit,
        executor=executor,
        quiet=quiet or json,
        bank_gb=bank_gb,
    )
    raise typer.Exit(command.run(targets, override or [], settings, dry_run, json))


@app.command()
def table(
    ctx: typer.Context,
    filter: Annotated[
        list[str] | None, typer.Argument(metavar="[FILTER]...", help="As in pacs/*/cladapter, cladapter[k=10], seed=0.")
    ] = None,
    results: Results = Path("runs"),
    format: Annotated[str, typer.Option(metavar="NAME", help="rich, md, csv, latex, html or json.")] = "rich",
    metrics: Annotated[str | None, typer.Option(metavar="A,B,...", help="Columns to show.")] = None,
    stages: Annotated[bool, typer.Option("--stages", help="One row for every stage, not only the last.")] = False,
    split: Annotated[str, typer.Option(metavar="NAME", help="test or val.")] = "test",
    plugins: Plugins = None,
) -> None:
    """Print records as a table: mean and 95 % interval over seeds, and marks for whatever limits a comparison."""
    from bench.commands import table as command

    _use_plugins(ctx, plugins)
    typer.echo(command.table(results, " ".join(filter or []) or None, format, metrics, stages, split))


@app.command()
def reproduce(
    ctx: typer.Context,
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A seed=N.json below a results folder.")],
    data: Data = None,
    weights: Weights = None,
    device: Device = None,
    partial: Annotated[bool, typer.Option("--partial", help="The data at hand are incomplete.")] = False,
    quiet: Quiet = False,
    json: Json = False,
    plugins: Plugins = None,
) -> None:
    """Run a record's cell again and compare: equal, within rounding, or different (exit code 1)."""
    from bench.commands import reproduce as command
    from bench.settings import Settings

    _use_plugins(ctx, plugins)
    settings = Settings(data=data, weights=weights, device=device, partial=partial, quiet=quiet or json)
    raise typer.Exit(command.show(record, settings, json))


@app.command()
def check(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A plug-in's file, or its name.")],
    data: Data = None,
    partial: Annotated[bool, typer.Option("--partial", help="The data at hand are incomplete.")] = False,
    plugins: Plugins = None,
    json: Json = False,
) -> None:
    """Check that a baseline or data set keeps its contract; exit code 1 when it does not."""
    from bench.commands import check as command

    _use_plugins(ctx, plugins)
    raise typer.Exit(0 if command.check(target, data, partial, json) else 1)


@new_app.command("baseline")
def new_baseline(ctx: typer.Context, name: str, folder: Folder = Path("plugins"), plugins: Plugins = None) -> None:
    """Write FOLDER/NAME.py with a method that trains."""
    from bench.commands import new as command

    _use_plugins(ctx, plugins)
    typer.echo(command.write("baseline", name, folder))


@new_app.command("dataset")
def new_dataset(ctx: typer.Context, name: str, folder: Folder = Path("plugins"), plugins: Plugins = None) -> None:
    """Write FOLDER/NAME.py with an adapter for images in class folders."""
    from bench.commands import new as command

    _use_plugins(ctx, plugins)
    typer.echo(command.write("dataset", name, folder))


@data_app.command("audit")
def data_audit(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in pacs or breakhis[magnification=100].")],
    data: Data = None,
    partial: Annotated[bool, typer.Option("--partial", help="Accept counts other than the published ones.")] = False,
    quiet: Quiet = False,
    json: Json = False,
    plugins: Plugins = None,
) -> None:
    """Decode and compare everything; exit code 1 on a problem that is not declared."""
    from bench.commands import data as command

    _use_plugins(ctx, plugins)
    raise typer.Exit(0 if command.audit(name, data, partial, quiet, json) else 1)


@data_app.command("fetch")
def data_fetch(ctx: typer.Context, name: str, data: Data = None, quiet: Quiet = False, plugins: Plugins = None) -> None:
    """Download a data set that has a mirror with a checksum."""
    from bench.commands import data as command

    _use_plugins(ctx, plugins)
    typer.echo(command.fetch(name, data, quiet))


@data_app.command("path")
def data_path(ctx: typer.Context, name: str, data: Data = None, plugins: Plugins = None) -> None:
    """Say where a data set lies, or is to be put."""
    from bench.commands import data as command

    _use_plugins(ctx, plugins)
    typer.echo(command.path(name, data))


@cache_app.command("ls")
def cache_ls(json: Json = False) -> None:
    """List what is kept, with sizes."""
    from bench.commands import cache as command

    typer.echo(command.ls(json))


@cache_app.command("clear")
def cache_clear(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Beginning of a name; default: all.")] = None,
) -> None:
    """Delete what is kept; it is computed again when needed."""
    from bench.commands import cache as command

    typer.echo(command.clear(name))
