"""The interval of the place where two learning curves cross, from the item scores that records hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.plots.sweeps import Sweep
from bench.records import Record
from bench.stats import Crossover, crossovers
from bench.tables import comparison_groups
from bench.tables.rows import Key
from bench.tables.versus import stored_scores
from bench.tasks.base import Metric

SPLIT = "test"


def crossover_near(at: float, a: Sweep, b: Sweep, records: Sequence[Record], metric: Metric) -> Crossover | None:
    """The crossover of two curves nearest to a place, with its interval.

    Runs that both have at every shared subset size are compared.

    Returns:
        None where item scores or shared runs are missing, so that there is no interval to give.
    """
    sizes = sorted(a.points.keys() & b.points.keys())
    runs = {(sweep.base, x): _runs(sweep, x, records) for sweep in (a, b) for x in sizes}
    common = sorted(set.intersection(*(set(found) for found in runs.values())))
    scores: dict[Key, list[np.ndarray]] = {a.base: [], b.base: []}
    for (base, x), found in runs.items():
        key = (a if base == a.base else b).points[x].key
        one = stored_scores(key, [found[seeds] for seeds in common], metric, comparison_groups.packed_scores(SPLIT))
        if one is None:
            return None
        scores[base].append(one)
    first = {a.base: [runs[a.base, sizes[0]][common[0]]]}
    places = crossovers(sizes, scores[a.base], scores[b.base], comparison_groups.units_of(first, [a.base], SPLIT))
    return min(places, key=lambda crossover: abs(np.log(crossover.at / at)), default=None)


def told(crossover: Crossover) -> str:
    """The interval in words; an end is open where no subset size on that side separates the methods."""
    if crossover.low is None and crossover.high is None:
        return "nowhere in the range are the two separated"
    if crossover.low is None:
        return f"95 % interval up to {crossover.high:.3g}"
    return f"95 % interval from {crossover.low:.3g}" + ("" if crossover.high is None else f" to {crossover.high:.3g}")


def _runs(sweep: Sweep, size: float, records: Sequence[Record]) -> dict[tuple[int, int], Record]:
    cells = set(sweep.points[size].cells)
    return {(record.seed, record.data_seed): record for record in records if record.cell in cells}
