"""`bench.compare`: two rows of a results folder against each other."""

from __future__ import annotations

from collections.abc import Iterable

from bench.api.places import Place, Results, opened
from bench.tables.corrupt_records import records_of
from bench.tables.versus import Versus, versus


def compare(
    a: str,
    b: str,
    *,
    results: Results = "runs",
    split: str = "test",
    metric: str = "",
    across_recipes: bool = False,
    plugins: Iterable[Place] = (),
) -> Versus:
    """Difference, interval and verdict of two rows, and what it would take to separate them; prints as text.

    Args:
        a: Filter that names one row, as for `bench.table`.
        b: Filter of the other row.
        results: Folder of the records.
        split: ``test``, ``val`` or ``external``.
        metric: Of the task; without it, its first.
        across_recipes: Whether the two may differ in their recipe: what a recipe's field is worth.
        plugins: Further folders of plug-ins.

    Raises:
        UsageError: A filter names no row or several, the two may not be compared, or the metric is unknown.
        CorruptRecord: Predictions are missing or altered.
    """
    with opened(results, plugins) as store:
        return versus(store, records_of(store), a, b, split, metric=metric, across_recipes=across_recipes)
