"""Options of the commands that read results, repeat one, or take some in from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Claims, Data, Device, Json, Plugins, Quiet, Results, Weights, application, use_plugins
from bench.core.visible import visible

if TYPE_CHECKING:
    from bench.records import Store

results_app = application()


@contextmanager
def opened(results: Path) -> Iterator[Store]:
    """A results folder for a command that goes on where a file cannot be read: in the end the file is named, and the
    exit code is 1."""
    from bench.records import Store

    store = Store(results)
    yield store
    for error in store.unreadable:
        typer.echo(f"bench: left out: {visible(str(error))}", err=True)
    if store.unreadable:
        raise typer.Exit(1)


@results_app.command()
def table(
    ctx: typer.Context,
    filter: Annotated[
        list[str] | None, typer.Argument(metavar="[FILTER]...", help="As in pacs/*/cladapter, cladapter[k=10], seed=0.")
    ] = None,
    results: Results = Path("runs"),
    format: Annotated[str, typer.Option(metavar="NAME", help="text, md, csv, latex, html or json.")] = "text",
    metrics: Annotated[str | None, typer.Option(metavar="A,B,...", help="Columns to show.")] = None,
    stages: Annotated[bool, typer.Option("--stages", help="One row for every stage, not only the last.")] = False,
    split: Annotated[str, typer.Option(metavar="NAME", help="test, val or external.")] = "test",
    details: Annotated[bool, typer.Option("--details", help="One wide table: letters, ranks, every note.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Names as in a cell's, instead of titles.")] = False,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=TITLE", help="A title of your own.")] = None,
    plugins: Plugins = None,
) -> None:
    """Print records as a table.

    One table a comparison group, best first: means over seeds with 95 % intervals, what differs significantly from the
    best, warnings, and what would show more.
    """
    from bench.cli.commands import table as command

    use_plugins(ctx, plugins)
    with opened(results) as store:
        typer.echo(command.text(filter, store, format, metrics, stages, split, details, names, label or ()))


@results_app.command()
def plot(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="comparison, pareto, curves, ...; a wrong one lists all.")
    ],
    filter: Annotated[list[str] | None, typer.Argument(metavar="[FILTER]...", help="As for `bench table`.")] = None,
    results: Results = Path("runs"),
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Default: NAME.png here.")] = None,
    format: Annotated[str | None, typer.Option(metavar="NAME", help="png, svg, pdf, html or json.")] = None,
    x: Annotated[str | None, typer.Option("--x", help="A field (sweep) or a cost (pareto).")] = None,
    stage: Annotated[str | None, typer.Option(help="As in stage1 (routing, spectrum).")] = None,
    split: Annotated[str | None, typer.Option(help="Which (confusion, reliability, embedding).")] = None,
    paper: Annotated[str | None, typer.Option(help="Whose claims; none: without (claims, sweep).")] = None,
    stages: Annotated[bool, typer.Option("--stages", help="Earlier stages too (comparison).")] = False,
    title: Annotated[bool, typer.Option("--title/--no-title", help="A caption may say what the title says.")] = True,
    width_mm: Annotated[float | None, typer.Option(metavar="MM", help="Width in print: 85 or 174.")] = None,
    font_size: Annotated[float | None, typer.Option(metavar="PT", help="Letters, in points.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=TITLE", help="A title of your own.")] = None,
    plugins: Plugins = None,
) -> None:
    """Draw records as a chart.

    The title says the finding.
    """
    from bench.cli.commands import plot as command

    use_plugins(ctx, plugins)
    options = {"x": x, "stage": stage, "split": split, "paper": paper, "stages": stages}
    paper_options = {"title": title, "width_mm": width_mm, "font_size": font_size, "label": label or ()}
    with opened(results) as store:
        typer.echo(command.text(name, filter, store, out, format, **options, **paper_options))


@results_app.command()
def report(
    ctx: typer.Context,
    results: Results = Path("runs"),
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the pages.")] = Path("report"),
    data: Data = None,
    plugins: Plugins = None,
) -> None:
    """Write records as web pages.

    One folder that opens from the disk: no server, no network.
    """
    from bench.cli.commands import report as command

    use_plugins(ctx, plugins)
    with opened(results) as store:
        typer.echo(command.text(store, out, data))


@results_app.command()
def compare(
    ctx: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="A filter that names one row, as for bench table.")],
    b: Annotated[str, typer.Argument(metavar="B", help="A filter that names another.")],
    results: Results = Path("runs"),
    split: Annotated[str, typer.Option(metavar="NAME", help="test, val or external.")] = "test",
    metric: Annotated[str, typer.Option(metavar="NAME", help="Of the task; without it, its first.")] = "",
    across_recipes: Annotated[
        bool, typer.Option("--across-recipes", help="Also rows of two recipes: what a recipe's field is worth.")
    ] = False,
    plugins: Plugins = None,
    json: Json = False,
) -> None:
    """Compare two rows of a table: difference, interval, verdict, and what it would take to separate them."""
    from bench.cli.commands import compare as command

    use_plugins(ctx, plugins)
    with opened(results) as store:
        typer.echo(command.text(a, b, store, split, metric, across_recipes, json))


@results_app.command()
def rank(
    ctx: typer.Context,
    filter: Annotated[list[str] | None, typer.Argument(metavar="[FILTER]...", help="As for bench table.")] = None,
    results: Results = Path("runs"),
    format: Annotated[str, typer.Option(metavar="NAME", help="text, md, csv or json.")] = "text",
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="Critical-difference diagram: png, svg, pdf, html.")
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Spell everything as in cells' names.")] = False,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=TITLE", help="A title of your own.")] = None,
    plugins: Plugins = None,
) -> None:
    """Rank methods over several data sets: mean ranks with tests, wins, ties and losses."""
    from bench.cli.commands import rank as command

    use_plugins(ctx, plugins)
    with opened(results) as store:
        typer.echo(command.text(filter, store, format, names, label or (), figure))


@results_app.command()
def errors(
    ctx: typer.Context,
    cell: Annotated[str, typer.Argument(metavar="CELL", help="A filter that names one row, as for bench compare.")],
    results: Results = Path("runs"),
    split: Annotated[str, typer.Option(metavar="NAME", help="test, val or external.")] = "test",
    shown: Annotated[int, typer.Option(metavar="N", min=1, help="Items listed.")] = 10,
    format: Annotated[str, typer.Option(metavar="NAME", help="text, md, latex, csv (all items) or json.")] = "text",
    data: Data = None,
    files: Annotated[
        Path | None, typer.Option("--files", metavar="DIR", help="For pictures of boxes and masks: truth, prediction.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="A PNG of the wrong images that are listed.")
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Show what a row got wrong: confusions, classes, domains, and the items with their files.

    With features kept (bench run --keep-features) also the training samples nearest to each error.
    """
    from bench.cli.commands import errors as command

    use_plugins(ctx, plugins)
    with opened(results) as store:
        typer.echo(command.text(cell, store, split, shown, format, data, files, sheet))


@results_app.command()
def predict(
    ctx: typer.Context,
    cell: Annotated[str, typer.Argument(metavar="CELL|FILE", help="A run kept with --keep-weights, or its file.")],
    inputs: Annotated[Path, typer.Argument(metavar="FOLDER", help="New images or volumes, or one of them.")],
    results: Results = Path("runs"),
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Default: the terminal.")] = None,
    files: Annotated[
        Path | None, typer.Option("--files", metavar="DIR", help="For masks, drawn pictures, boxes as COCO's JSON.")
    ] = None,
    weights: Weights = None,
    device: Device = None,
    plugins: Plugins = None,
) -> None:
    """Predict on new images or volumes by what was trained.

    CSV with a line a file (class, confidence, probability of each class) or an object. Exit code 1 when a file cannot
    be read.
    """
    from bench.cli.commands import predict as command

    use_plugins(ctx, plugins)
    raise typer.Exit(command.show(cell, inputs, results, out, files, weights, device))


@results_app.command()
def verify(
    ctx: typer.Context,
    claim: Annotated[
        str | None, typer.Argument(metavar="[PAPER[:TABLE]|CLAIM]", help="As in cladapter, cladapter:table4; one id.")
    ] = None,
    results: Results = Path("runs"),
    folder: Claims = None,
    plan: Annotated[bool, typer.Option("--plan", help="Fix the tolerances of claims that have not run yet.")] = False,
    plan_file: Annotated[
        Path | None, typer.Option("--plan-file", metavar="FILE", help="Default: claims_plan.json among the results.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Correct for many claims; exit code 1 when one is contradicted.")
    ] = False,
    verdict: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Show claims of this verdict only; may be repeated.")
    ] = None,
    format: Annotated[str, typer.Option(metavar="NAME", help="table, md, csv or json.")] = "table",
    plugins: Plugins = None,
) -> None:
    """Judge published numbers by arithmetic and by our records.

    Reproduced, within noise, contradicted, not comparable or not run. Fix the tolerances with --plan before running.
    """
    from bench.cli.commands import verify as command

    use_plugins(ctx, plugins)
    with opened(results) as store:
        chosen = {"claim": claim, "folder": folder, "plan_file": plan_file}
        if plan:
            typer.echo(command.fix(store, **chosen))
            return
        text, contradicted = command.judge(store, format, strict=strict, verdict=verdict, **chosen)
        typer.echo(text)
    raise typer.Exit(int(strict and contradicted))


@results_app.command()
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
    """Run a record's cell again and compare.

    Equal, within rounding, or different (exit code 1).
    """
    from bench.cli.commands import reproduce as command

    use_plugins(ctx, plugins)
    options = {"data": data, "weights": weights, "device": device, "partial": partial, "quiet": quiet or json}
    raise typer.Exit(command.show(record, json, **options))


@results_app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or npz of ids and a score for each class.")],
    dataset: Annotated[str, typer.Option("--dataset", metavar="NAME", help="As a cell names it.")],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="Who or what made them.")],
    seed: Annotated[int, typer.Option(min=0, help="Which of several runs.")] = 0,
    scores: Annotated[
        str, typer.Option(metavar="NAME", help="What the scores are, where nobody can tell: probabilities or logits.")
    ] = "",
    results: Results = Path("runs"),
    data: Data = None,
    partial: Annotated[bool, typer.Option("--partial", help="The data at hand are incomplete.")] = False,
    plugins: Plugins = None,
) -> None:
    """Take predictions made elsewhere into the tables.

    Judged on the same split, shown as imported, and never compared with what was trained here under a budget.
    """
    from bench.cli.commands import imported as command

    use_plugins(ctx, plugins)
    typer.echo(command.take_in(file, dataset, name, results, data, seed, partial, scores))


def cost(
    ctx: typer.Context,
    suites: Annotated[
        list[str], typer.Argument(metavar="SUITE...", help="Names, or patterns such as 'leaderboard_*'.")
    ],
    results: Results = Path("runs"),
    plugins: Plugins = None,
) -> None:
    """Sum the hours of each suite's cells.

    Of those that have a record here.
    """
    from bench.cli.commands import cost as command

    use_plugins(ctx, plugins)
    with opened(results) as store:
        typer.echo(command.text(suites, store))
