"""A method that no budget changes, such as zero-shot: a line, and the paired differences of other methods from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.text import counted
from bench.plots.style import DASHES, INK, scaled, words
from bench.plots.sweeps import Sweep
from bench.records import Record
from bench.stats import StatisticsError, compare
from bench.tables import comparison_groups
from bench.tables.rows import stage_of
from bench.tables.versus import shared, stored_scores
from bench.tasks.base import Metric

SPLIT = "test"
Ends = dict[float, tuple[float, float]]  # subset size -> ends of an interval


@dataclass(frozen=True)
class Reference:
    """The best of the methods that no budget changes.

    Attributes:
        value: Its score, at every budget.
    """

    name: str
    sweep: Sweep
    value: float


def is_steady(sweep: Sweep, records: Sequence[Record], metric: Metric) -> bool:
    """Whether every item is judged alike at every budget and by every seed."""
    runs = [record for x in sweep.points for record in runs_at(sweep, x, records)]
    judged = {stage_of(run, sweep.base.stage).items.get(SPLIT, {}).get(metric.name) for run in runs}
    return len(judged) == 1 and None not in judged


def reference_of(steady: dict[str, Sweep], metric: Metric) -> Reference | None:
    """The best of the methods that no budget changes; None where there is none."""
    sign = 1 if metric.higher_is_better else -1
    values = {name: next(iter(sweep.points.values())).values[metric.name].mean for name, sweep in steady.items()}
    best = max(values, key=lambda name: sign * values[name], default=None)
    return None if best is None else Reference(best, steady[best], values[best])


def paired(sweep: Sweep, reference: Reference, records: Sequence[Record], metric: Metric) -> Ends:
    """At each budget the 95 % interval of the paired difference from the reference, laid around the row's mean.

    One that does not reach the reference's line tells the two apart, each pair for itself. Budgets at which the two
    share no run, or whose item scores are not known, are left out.
    """
    found = {}
    for x in sweep.points.keys() & reference.sweep.points.keys():
        both = shared(runs_at(sweep, x, records), runs_at(reference.sweep, x, records))
        keys = sweep.points[x].key, reference.sweep.points[x].key
        look_up = comparison_groups.packed_scores(SPLIT)
        own, other = (stored_scores(*pair, metric, look_up) for pair in zip(keys, both, strict=True))
        if own is None or other is None:
            continue
        units = comparison_groups.units_of({keys[0]: both[0]}, [keys[0]], SPLIT)
        try:
            pair = compare(own, other, units, runs=comparison_groups.runs_of(both[0]), bounds=(metric.low, metric.high))
        except StatisticsError:  # too few items, or runs that do not pair: there is no interval to draw
            continue
        mean = sweep.points[x].values[metric.name].mean
        found[x] = mean - pair.difference + pair.low, mean - pair.difference + pair.high
    return found


def runs_at(sweep: Sweep, size: float, records: Sequence[Record]) -> list[Record]:
    """The finished runs behind one point."""
    cells = set(sweep.points[size].cells)
    return [record for record in records if record.cell in cells]


def finding(reference: Reference, ends: dict[str, Ends], field: str, metric: Metric) -> str:
    """How many methods are significantly different from the reference as better, at each budget."""
    sizes = sorted({x for found in ends.values() for x in found})
    better = [sum(_better(found.get(x), reference, metric) for found in ends.values()) for x in sizes]
    methods = counted(len(ends), "method")
    if not any(better):
        return f"None of {methods} was found better than {reference.name} at {sizes[0]:g} to {sizes[-1]:g} {field}"
    *first, last = [f"{count} at {x:g}" for count, x in zip(better, sizes, strict=True)]
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"Of {methods} {listed} {field} were found better than {reference.name}"


def _better(ends: tuple[float, float] | None, reference: Reference, metric: Metric) -> bool:
    """Whether an interval lies wholly on the better side of the reference."""
    if ends is None:
        return False
    return ends[0] > reference.value if metric.higher_is_better else ends[1] < reference.value


def line(name: str, value: float, metric: Metric) -> dict[str, Any]:
    """The drawn row of a method that no budget changes."""
    return {"value": scaled(metric, value), "line": f"{name} {words(metric, value)}", "kind": "line", "method": name}


def line_layers(y: dict[str, Any], names: list[str]) -> list[dict[str, Any]]:
    """Horizontal rules, one dash pattern a name, with a legend."""
    legend = {"title": None, "symbolType": "stroke", "orient": "top"}
    dash = {"field": "line", "type": "nominal", "sort": None, "legend": legend, "scale": {
        "domain": names, "range": [DASHES[i % len(DASHES)] for i in range(len(names))]}}  # fmt: skip
    return [
        {
            "needs": "line",
            "transform": [{"filter": "datum.kind === 'line'"}],
            "mark": {"type": "rule", "strokeWidth": 1.5, "color": INK},
            "encoding": {"y": y, "strokeDash": dash},
        }
    ]
