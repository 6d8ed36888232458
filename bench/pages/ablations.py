"""Charts of what was varied: a method's numbers, the training subset, the learning rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.errors import UsageError
from bench.pages.site import Board, Site, by_backbone, slug
from bench.plots.chart import Chart
from bench.plots.curves import curves
from bench.plots.published import points_of
from bench.plots.sweep import sweep
from bench.plots.sweeps import varying, without
from bench.plots.tuning import tuning
from bench.records import Record
from bench.tables.rows import SUBSETS, Row


@dataclass(frozen=True)
class Section:
    """One chart with where it is from."""

    id: str
    where: str
    what: str
    chart: Chart


def sections(site: Site, claims: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    """All charts that the records have anything for."""
    usable = [row for row in site.table.rows if row.cells and not row.key.test_selected]
    settings = dict(_settings(site, usable))
    for where, rows in settings.items():
        records = _records(site, rows)
        for field in varying([row for row in rows if not row.key.trivial_baseline], records, "method"):
            part = site.part(rows)
            drawn = _drawn(sweep, part, records, points_of(claims, part, field), field)
            yield from _section(where, f"method field {field}", drawn)
    for where, rows in _by_subset(usable).items():
        part, records = site.part(rows), _records(site, rows)
        yield from _section(where, "learning curves", _drawn(curves, part, records))
    for where, rows in settings.items():
        yield from _section(where, "learning rates tried", _drawn(_tuning, site, rows))


def _settings(site: Site, rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows of one group and one backbone, with where they are from in words."""
    for place, inside in site.places(rows).items():
        for backbone, found in by_backbone(inside).items():
            yield f"{Board(place, [], [], None).words} · {backbone}", found


def _drawn(draw: Callable[..., Chart], *arguments: Any) -> Chart | None:
    """The chart, or None where these rows have nothing for it."""
    try:
        return draw(*arguments)
    except UsageError:
        return None


def _section(where: str, what: str, chart: Chart | None) -> Iterator[Section]:
    if chart is not None:
        yield Section(slug(f"{where} {what}"), where, what, chart)


def _records(site: Site, rows: Sequence[Row]) -> list[Record]:
    return [site.by_cell[cell] for row in rows for cell in row.cells]


def _by_subset(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows that differ in the training subset only, where there are several subsets."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        for field in SUBSETS:
            key = without(row.key, "dataset", field, SUBSETS[field])
            if f"{field}=" in row.key.dataset:
                where = f"{key.dataset} ({key.protocol}) · {key.recipe} · {key.backbone}"
                found[where, field].append(row)
    return {where: part for (where, _), part in found.items() if len({row.key.dataset for row in part}) > 1}


def _tuning(site: Site, rows: Sequence[Row]) -> Chart:
    """Diagnostics are read anew: the site's records are without them."""
    trained = [row for row in rows if not row.key.trivial_baseline]
    if not any("lr_grid" in site.by_cell[row.cells[0]].recipe.params for row in trained):
        raise UsageError("no grid")
    cells = [cell for row in trained for cell in row.cells if site.by_cell[cell].recipe.params["lr_grid"]]
    return tuning([record for cell in cells if (record := site.store.get(cell)) is not None])
