"""Draw accuracy with its interval for each method of a results folder, the floors as lines.

    python tools/make_readme_figure.py runs docs/quick.png [--filter 'digits/pico']

All rows must share data set, protocol and backbone; --filter chooses them. Earlier stages are drawn hollow.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import UsageError
from bench.records import Store
from bench.tables import Table, aggregate
from bench.tables.rows import FLOORS, Row
from bench.tables.table import place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"majority": "0.6", "knn": "#c44e52"}
LINE = "#4c72b0"


def figure(table: Table) -> Figure:
    """A point with its interval a row, from the top in the table's order; floors are vertical lines.

    Raises:
        UsageError: The rows come from several settings, or none has an accuracy.
    """
    from matplotlib.figure import Figure

    rows = [row for row in table.rows if "accuracy" in row.values and not row.key.test_selected]
    settings = {(place(row.key), row.key.backbone) for row in rows}
    if len(settings) != 1:
        raise UsageError(f"The figure needs one data set, protocol and backbone, not {len(settings)}. Use --filter.")
    methods = [row for row in rows if row.key.method_name not in FLOORS]
    drawn = Figure(figsize=(7, 1.3 + 0.32 * len(methods)), layout="constrained")
    axes = drawn.add_subplot()
    for row in rows:
        if row.key.method_name in FLOORS:
            _floor(axes, row)
    for height, row in enumerate(methods):
        _point(axes, height, row, last=not any(_same_run(row, later) for later in methods[height + 1 :]))
    axes.set_yticks(range(len(methods)), [_label(row, methods) for row in methods])
    axes.invert_yaxis()
    axes.set_xlabel(f"accuracy %, 95 % interval over {rows[0].n} test items and {rows[-1].seeds} seeds")
    axes.set_title("{} on {}".format(*settings.pop()), loc="left")
    axes.grid(axis="x", alpha=0.3)
    if any(row.key.method_name in FLOORS for row in rows):
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    return drawn


def _floor(axes: Axes, row: Row) -> None:
    mean = 100 * row.values["accuracy"].mean
    axes.axvline(mean, linestyle="--", color=COLOURS[row.key.method_name], label=f"{row.key.method} {mean:.1f}")


def _point(axes: Axes, height: int, row: Row, last: bool) -> None:
    value = row.values["accuracy"]
    low, high = (100 * abs(value.mean - (value.mean if end is None else end)) for end in (value.low, value.high))
    face = LINE if last else "white"
    axes.errorbar(
        100 * value.mean, height, xerr=[[low], [high]], fmt="o", color=LINE, markerfacecolor=face, capsize=3
    )  # fmt: skip


def _same_run(row: Row, other: Row) -> bool:
    return (row.key.method, row.key.recipe) == (other.key.method, other.key.recipe)


def _label(row: Row, rows: list[Row]) -> str:
    """The method, and its stage when it has several."""
    staged = sum(_same_run(row, other) for other in rows) > 1
    return f"{row.key.method} {row.key.stage}" if staged else row.key.method


def main() -> None:
    """Read records, write the picture; the ending of its name chooses the format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--filter")
    given = parser.parse_args()
    table = aggregate(Store(given.results).all(), given.filter, stages=True)
    figure(table).savefig(given.picture, dpi=150)


if __name__ == "__main__":
    main()
