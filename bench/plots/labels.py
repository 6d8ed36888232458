"""What rows are called in a picture: as little of a cell's name as tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.core.errors import UsageError
from bench.core.text import counted
from bench.tables import Table
from bench.tables.metrics import metrics_of
from bench.tables.rows import Key, Row
from bench.tables.seeds import unequal
from bench.tables.titles import CANONICAL, Titles
from bench.tables.warnings import headline_mean
from bench.tasks.base import Metric

# What is added to the method's name, in this order, where rows differ in it.
PARTS: tuple[Callable[[Key, Titles], str], ...] = (
    lambda key, titles: key.stage,
    lambda key, titles: titles.of("recipe", key.recipe),
    lambda key, titles: titles.of("backbone", key.backbone),
    lambda key, titles: titles.dataset(key.dataset, key.protocol),
    lambda key, titles: "test-selected" if key.test_selected else "",
)


def labels(keys: Sequence[Key], titles: Titles = CANONICAL) -> list[str]:
    """One label a row, all different: the method, then whatever else varies among rows of one method."""
    found = [titles.of("method", key.method) for key in keys]
    for part in PARTS:
        told: dict[str, set[str]] = {}
        for label, key in zip(found, keys, strict=True):
            told.setdefault(label, set()).add(part(key, titles))
        found = [
            f"{label} {part(key, titles)}".rstrip() if len(told[label]) > 1 else label
            for label, key in zip(found, keys, strict=True)
        ]
    return found


def drawable(table: Table, what: str) -> list[Row]:
    """The rows with a headline value that was not selected on the test split.

    Raises:
        UsageError: There is none.
    """
    rows = [row for row in table.rows if headline_mean(row) is not None and not row.key.test_selected]
    if not rows:
        raise UsageError(f"No finished row to draw for {what}. Run the cells, or choose others by a filter.")
    return rows


def one_setting(rows: Sequence[Row], titles: Titles = CANONICAL) -> tuple[str, Metric]:
    """The rows' common data set, protocol and backbone in words, and the headline metric.

    Raises:
        UsageError: The rows come from several settings.
    """
    settings = {
        f"{titles.dataset(row.key.dataset, row.key.protocol)} · {titles.of('backbone', row.key.backbone)}"
        for row in rows
    }
    if len(settings) != 1:
        raise UsageError(
            f"The figure needs one data set, protocol and backbone, not {len(settings)} "
            f"({several(sorted(settings))}). Filter the rows."
        )
    return settings.pop(), metrics_of(rows[0].key.task)[0]


def several(names: Sequence[str], most: int = 3) -> str:
    """``a``, ``a and b``, ``a, b and 4 more``."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def seeds_of(rows: Sequence[Row], table: Table) -> str:
    """``3 seeds`` or ``3-5 seeds`` of the rows; which have how many, where rows that are compared differ in them."""
    few, many = min(row.seeds for row in rows), max(row.seeds for row in rows)
    told = counted(many, "seed") if few == many else f"{few}-{many} seeds"
    drawn = {row.key for row in rows}
    said = [
        unequal(compared, keys)
        for compared in table.compared
        if (keys := [key for key in compared.keys if key in drawn])
    ]
    return ", ".join([told, *filter(None, said)])


def bars(rows: Sequence[Row], metric: Metric) -> str:
    """What the intervals of the rows hold for."""
    covers = {row.values[metric.name].covers for row in rows if row.values[metric.name].low is not None}
    over = f" over {covers.pop()}" if len(covers) == 1 else ""
    return f"bars: 95\u00a0% intervals{over}"
