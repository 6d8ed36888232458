"""The command line: options only. What a command does is in `bench.cli.commands`, imported when it runs.

Here are the commands that look around and run; `results.py` has those that read what was run.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bench.cli.groups import cache_app, data_app, folder_app, new_app, submit_app, weights_app
from bench.cli.options import (
    Data,
    Device,
    Json,
    Plugins,
    Quiet,
    Results,
    Weights,
    application,
    plugin_folders,
    use_plugins,
)
from bench.cli.results import results_app
from bench.core.atomic import explain, of_writing
from bench.core.errors import BenchError
from bench.core.speed import set_before_torch
from bench.core.visible import visible_lines


class Group(TyperGroup):
    """Turns expected errors into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return self._written(ctx)
        except BenchError as error:
            typer.echo(f"bench: {visible_lines(str(error))}", err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            typer.echo("bench: stopped. Finished cells are stored; the same command continues.", err=True)
            raise typer.Exit(130) from error

    def _written(self, ctx: Any) -> Any:
        """What the command says is written before it ends, so that no room for it is an error like others.

        Raises:
            BenchError: The output, or a file whose writer does not say so itself, cannot be written.
        """
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except OSError as error:
            if not of_writing(error):
                raise
            if error.filename is None:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries again at its end
            raise explain(error, Path(error.filename or "what the command prints")) from error


app = application(cls=Group, help="Benchmark the adaptation of pre-trained vision models.")
app.add_typer(results_app)  # without a name: its commands are the program's own
app.add_typer(data_app, name="data")
app.add_typer(new_app, name="new")
app.add_typer(weights_app, name="weights")
app.add_typer(cache_app, name="cache")
app.add_typer(folder_app, name="results")
app.add_typer(submit_app, name="submit")


def main() -> None:
    """Entry point of the ``bench`` script.

    Imports and syntax trees are many small objects and no garbage: looking for some takes a third of `bench list`.
    """
    gc.disable()
    set_before_torch()
    try:
        app(prog_name="bench")
    finally:
        gc.freeze()  # the interpreter's end looks once more


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
    if ctx.invoked_subcommand not in ("list", "show"):
        gc.enable()


@app.command("list")
def list_(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Argument(help="datasets, tasks, baselines, backbones, families, ...")] = None,
    weights: Weights = None,
    plugins: Plugins = None,
    json: Json = False,
) -> None:
    """List what there is, one line each."""
    from bench.cli.commands import listing

    use_plugins(ctx, plugins)
    typer.echo(listing.show(kind, weights, json))


@app.command()
def show(ctx: typer.Context, name: str, weights: Weights = None, plugins: Plugins = None, json: Json = False) -> None:
    """Show one of them with its parameters."""
    from bench.cli.commands import show as command

    use_plugins(ctx, plugins)
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
    """Report versions, devices, data and weights.

    Exit code 1 when something essential is missing.
    """
    from bench.cli.commands import doctor as command

    use_plugins(ctx, plugins)
    text, healthy = command.report(data, weights, results, json)
    typer.echo(text)
    raise typer.Exit(0 if healthy else 1)


@app.command()
def status(results: Results = Path("runs"), json: Json = False) -> None:
    """Show who is at what in a results folder, and what waits.

    `bench run` again, with the same arguments, attaches to it and starts only the rest.
    """
    from bench.cli.commands import status as command

    typer.echo(command.show(results, json))


@app.command()
def run(
    ctx: typer.Context,
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="SUITE|CELL...", help="Suites by name or file, cells by name.")
    ] = None,
    claims: Annotated[
        list[str] | None, typer.Option("--claims", metavar="PAPER[:TABLE]", help="Also what published claims need.")
    ] = None,
    claims_folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of your own papers' CSVs, for --claims.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("-o", metavar="KEY=VALUE", help="Replace a suite's variable.")
    ] = None,
    data: Data = None,
    results: Results = Path("runs"),
    weights: Weights = None,
    device: Device = None,
    executor: Annotated[str, typer.Option(help="What carries out groups of cells.")] = "inline",
    callbacks: Annotated[
        list[str] | None,
        typer.Option("--callback", metavar="NAME", help="What watches the run, as tensorboard[folder=tb]."),
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Accept incomplete data; tables say so.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; run nothing.")] = False,
    fuse: Annotated[
        bool, typer.Option("--fuse/--no-fuse", help="Train cells together, or one by one; the numbers are the same.")
    ] = True,
    time_limit: Annotated[float | None, typer.Option(metavar="SECONDS", help="Longest a cell may train.")] = None,
    checkpoint_every: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Of training between checkpoints; 0: every epoch.")
    ] = 20.0,
    val_only: Annotated[bool, typer.Option("--val-only", help="Never open a test split.")] = False,
    metrics: Annotated[str | None, typer.Option(metavar="A,B,...", help="Columns of the table.")] = None,
    keep_features: Annotated[
        bool, typer.Option("--keep-features", help="Keep features too, for `bench errors` and `bench plot embedding`.")
    ] = False,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep each cell's model, for `bench predict`.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of what fails.")] = False,
    cache_gb: Annotated[float, typer.Option(metavar="GB", help="Disk that kept features and views may take.")] = 20.0,
    quiet: Quiet = False,
    json: Json = False,
    plugins: Plugins = None,
) -> None:
    """Run suites and cells, then print their table.

    Only what is missing, failed or stale runs.

    A cell is named dataset/backbone/method/recipe/seed=N, with parameters as in cladapter[k=5].
    """
    from bench.cli.commands import run as command
    from bench.engine.settings import Settings

    use_plugins(ctx, plugins)
    settings = Settings(
        results=results,
        data=data,
        weights=weights,
        device=device,
        partial=partial,
        fuse=fuse,
        time_limit=time_limit,
        checkpoint_every=checkpoint_every,
        executor=executor,
        callbacks=tuple(callbacks or ()),
        quiet=quiet or json,
        val_only=val_only,
        keep_features=keep_features,
        keep_weights=keep_weights,
        debug=debug,
        plugins=plugin_folders(ctx, plugins),
        cache_gb=cache_gb,
    )
    chosen, replaced = targets or [], overrides or []
    raise typer.Exit(command.run(chosen, replaced, settings, dry_run, json, claims or [], metrics, claims_folder))


@app.command()
def check(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A plug-in's file, or its name.")],
    data: Data = None,
    partial: Annotated[bool, typer.Option("--partial", help="The data at hand are incomplete.")] = False,
    plugins: Plugins = None,
    json: Json = False,
) -> None:
    """Check that a plug-in keeps its contract.

    Exit code 1 when it does not.
    """
    from bench.cli.commands import check as command

    use_plugins(ctx, plugins)
    raise typer.Exit(0 if command.check(target, data, partial, json) else 1)
