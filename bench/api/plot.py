"""`bench.plot`: records as a chart."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api.chosen import chosen
from bench.api.places import Place, Results, opened, path
from bench.core.errors import UsageError, nearest
from bench.records import Store

if TYPE_CHECKING:
    from bench.plots.chart import Chart


def plot(
    name: str,
    filter: str | Iterable[str] | None = None,
    *,
    results: Results = "runs",
    out: Place | None = None,
    format: str | None = None,
    x: str | None = None,
    stage: str | None = None,
    split: str | None = None,
    paper: str | None = None,
    stages: bool = False,
    title: bool = True,
    width_mm: float | None = None,
    font_size: float | None = None,
    label: Iterable[str] = (),
    plugins: Iterable[Place] = (),
) -> Chart:
    """Records as a chart, which shows itself in a notebook; its title says the finding.

    Args:
        name: comparison, pareto, curves, ...; a wrong one lists all.
        filter: As for `bench.table`.
        results: Folder of the records.
        out: A file to write, which ``chart.save("figure.pdf")`` does as well.
        format: png, svg, pdf, html or json; without it, that of the file's name.
        x: A field of methods or recipes (sweep) or a cost (pareto).
        stage: As in ``stage1`` (routing, spectrum).
        split: Which (confusion, reliability, embedding).
        paper: Whose claims; ``none``: without (claims, sweep).
        stages: Earlier stages too (comparison).
        title: False: without title, for a picture with a caption.
        width_mm: Width in millimetres, as 85 or 174.
        font_size: Size of letters in points.
        label: Titles of your own, as ``cladapter=Ours``.
        plugins: Further folders of plug-ins.

    Raises:
        UsageError: There is no such chart or format, an option is not the chart's, or the records do not fit it.
        CorruptRecord: Predictions that the chart needs are missing or altered.
    """
    from bench.plots.draw import Request, draw
    from bench.plots.paper import for_paper

    file = path(out)
    if format or file:
        check_format(format or format_of(file))
    given = {"x": x, "stage": stage, "split": split, "paper": paper, "stages": "true" if stages else None}
    options = {option: value for option, value in given.items() if value is not None}
    with opened(results, plugins) as store:
        claims, own = lambda paper: judged(store, paper), tuple(label or ())
        drawn = draw(name, Request(store, chosen(store, filter), options, claims, published, own))
    chart = for_paper(drawn, title, width_mm, font_size)
    if file:
        chart.save(file, format)
    return chart


def format_of(file: Path | None) -> str:
    """The format that a file's name chooses."""
    return file.suffix.removeprefix(".").lower() if file else "png"


def check_format(format: str) -> None:
    """Raise UsageError where pictures have no such format."""
    from bench.plots.export import FORMATS

    if format not in FORMATS:
        raise UsageError(f"No picture format {format!r}. {nearest(format, FORMATS)}")


def judged(store: Store, selector: str | None) -> list[dict[str, Any]]:
    """Claims with their verdicts, as plain data."""
    from bench.claims.reading import judged as rows
    from bench.claims.render import facts

    return [facts(row) for row in rows(store, selector)]


def published(selector: str | None) -> list[dict[str, Any]]:
    """Claims as they stand in their files."""
    from bench.claims.published import chosen, load

    return [claim.model_dump(mode="json") for claim in chosen(load(None), selector)]
