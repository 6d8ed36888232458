"""Means over protocols, where a data set's paper reports them: over four splits, or with every domain left out once."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from statistics import fmean

from bench.plugins.registry import catalog
from bench.stats import Row as Estimate
from bench.tables.metrics import metrics_of
from bench.tables.rows import Key, Row

MEAN = "mean of protocols"


def averaged(rows: Iterable[Row]) -> list[Row]:
    """A row for each configuration that has finished all protocols that its data set's card averages over.

    Its interval takes the protocols' test items as independent of each other; what they share (seeds of one backbone)
    makes it a little too narrow, which the warning says.
    """
    by_configuration: dict[tuple[Key, str], list[Row]] = defaultdict(list)
    for row in rows:
        for pattern in patterns(row.key.dataset.partition("[")[0]):
            if fnmatchcase(row.key.protocol, pattern) and row.seeds:
                by_configuration[replace(row.key, protocol=""), pattern].append(row)
    return [
        _mean(key, pattern, found)
        for (key, pattern), found in by_configuration.items()
        if {row.key.protocol for row in found} == set(protocols(key.dataset.partition("[")[0], pattern))
    ]


def _mean(key: Key, pattern: str, rows: list[Row]) -> Row:
    shared = set.intersection(*(set(row.values) for row in rows))
    values = {m.name: _estimate([row.values[m.name] for row in rows]) for m in metrics_of(key.task) if m.name in shared}
    costs = {name: [row.facts[name] for row in rows] for name in rows[0].facts}
    facts = {
        name: None if None in numbers else fmean(number for number in numbers if number is not None)
        for name, numbers in costs.items()
    }
    return Row(
        key=replace(key, protocol=f"mean of {pattern}"),
        seeds=min(row.seeds for row in rows),
        values=values,
        facts=facts,
        n=sum(row.n or 0 for row in rows),
        failures=(),
        cells=tuple(cell for row in rows for cell in row.cells),
        names=rows[0].names,
        warnings={MEAN: f"mean over {len(rows)} protocols, whose test items are taken as independent"},
    )


def _estimate(values: list[Estimate]) -> Estimate:
    """The mean of independent estimates, with the interval that their widths give."""
    mean, low, high = fmean(value.mean for value in values), None, None
    if all(value.low is not None and value.high is not None for value in values):
        below = math.sqrt(sum((v.mean - (v.low or 0.0)) ** 2 for v in values)) / len(values)
        above = math.sqrt(sum(((v.high or 0.0) - v.mean) ** 2 for v in values)) / len(values)
        low, high = mean - below, mean + above
    covers = "items and seeds" if all(value.covers == "items and seeds" for value in values) else values[0].covers
    ends = fmean(value.seed_low for value in values), fmean(value.seed_high for value in values)
    return Estimate(mean, low, high, covers, *ends, min(value.runs for value in values))


@lru_cache(maxsize=256)
def patterns(dataset: str) -> tuple[str, ...]:
    """Patterns of protocols that the data set's card averages over; none where it is not known here."""
    entry = catalog("datasets").get(dataset)
    return tuple(dict(entry.card).get("averages", "").split()) if entry else ()


@lru_cache(maxsize=256)
def protocols(dataset: str, pattern: str) -> tuple[str, ...]:
    """Names of the protocols that a pattern covers."""
    from bench.plugins.registry import load

    return tuple(name for name in load("datasets", dataset).protocols if fnmatchcase(name, pattern))
