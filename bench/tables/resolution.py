"""What the groups of a table can tell apart at all, in sentences beneath it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields

from bench.stats import Comparison, ComparisonGroup
from bench.tables.comparison_groups import Compared, Place
from bench.tasks.base import Metric


def resolution(found: Sequence[Compared]) -> list[str]:
    """For each group its tests and its mde, and what it would take to separate its two best rows."""
    return [_of_group(compared, compared.verdicts) for compared in found if compared.verdicts is not None]


def apart(found: Sequence[Compared]) -> list[str]:
    """Why rows of one data set stand in several groups, in one line a data set."""
    places: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for compared in found:
        places[compared.place.task, compared.place.dataset.partition("[")[0]].append(compared.place)
    return [
        f"{name}: {len(some)} groups, which are not compared with each other, since they differ in {_differing(some)}"
        for (_, name), some in places.items()
        if len(some) > 1
    ]


def difference_words(metric: Metric, value: float) -> str:
    """``3.1 points``; "none" for a mde on so few units that no difference could be found."""
    if not math.isfinite(value):
        return "none"
    return f"{value * 100:.1f} points" if metric.unit == "%" else f"{value:.{metric.decimals}f} {metric.unit}".rstrip()


def units_of(pair: Comparison) -> str:
    """What the test counts: items, or the groups that they come from."""
    return "items" if pair.units == pair.items else "groups"


def shared_words(pair: Comparison) -> str:
    """``2 shared seeds``: what both means and their difference are over."""
    if not pair.seeds:
        return "no shared seed: each mean is over its row's own"
    return f"{pair.seeds} shared seed{'s' * (pair.seeds != 1)}"


def _of_group(compared: Compared, verdicts: ComparisonGroup) -> str:
    best, second = (verdicts.names[place] for place in verdicts.order[:2])
    pair = verdicts.pair(best, second)
    few = [compared.label(name) for name in verdicts.names if not verdicts.speaks_of_method(name)]
    whose = "" if len(few) == len(verdicts.names) else f" where {' or '.join(few)} is one of them"
    holds = f"; with fewer than three seeds of these trained models, not of the methods{whose}" if few else ""
    told = (
        f"{compared.place.label}: rows that share a letter in 'ties' are not significantly different "
        f"({' and '.join(verdicts.tests)}, "
        f"Holm over {verdicts.pairs} pairs{holds}). {_mdes(compared.metric, verdicts, pair)} "
        f"{compared.label(best)} against {compared.label(second)}: {pair.verdict}"
    )
    return told + ("." if pair.different else f"; to separate them: {pair.budget().text(units_of(pair))}.")


def _mdes(metric: Metric, verdicts: ComparisonGroup, pair: Comparison) -> str:
    if not math.isfinite(verdicts.mde):
        return f"No difference at all can be found with {pair.units} {units_of(pair)}."
    return (
        f"A true difference of {difference_words(metric, verdicts.mde)} is found in four of five such comparisons, a "
        f"smaller one more rarely (for the smallest p of all pairs: {difference_words(metric, verdicts.mde_holm)})."
    )


def _differing(places: Sequence[Place]) -> str:
    names = [field.name for field in fields(Place) if len({getattr(place, field.name) for place in places}) > 1]
    words = {"items": "test items", "size": "input size", "dataset": "subset", "test_selected": "selection"}
    return ", ".join(words.get(name, name) for name in names)
