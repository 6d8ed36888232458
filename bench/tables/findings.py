"""What follows from a comparison group, in at most three sentences: the best, what it takes to know more, how often the
test split was looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from bench.core.text import counted
from bench.records.evaluation_log import Evaluation
from bench.stats import Budget, Comparison, ComparisonGroup
from bench.stats.crossed import FEWEST_SEEDS
from bench.tables.comparison_groups import REDRAWN, Compared, name_of
from bench.tables.rows import Row
from bench.tables.titles import Titles
from bench.tasks.base import Metric

MOST = 4  # rows that a sentence names
STEPS = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005)  # differences of a percentage that a person may want to see


def findings(compared: Compared, names: Mapping[str, str], evaluations: Sequence[Evaluation] = ()) -> Iterator[str]:
    """Sentences for a group of two or more rows; nothing where they were not compared.

    Args:
        names: What `labels` gives.
        evaluations: Of all test splits.
    """
    if compared.over_splits:
        yield over_splits(compared, names)
    elif compared.verdicts is None:
        if compared.problem and len(compared.members) > 1:
            yield f"Not compared: {compared.problem}."
    else:
        yield best_of(compared, compared.verdicts, names)
        yield detectable(compared, compared.verdicts)
    configurations = {one.configuration for one in evaluations if one.place == _where(compared)}
    times = sum(one.times for one in evaluations if one.place == _where(compared))
    if configurations:
        some = f"{len(configurations)} configuration{'s' * (len(configurations) != 1)}"
        yield f"Test-set evaluations: {some}, {times} time{'s' * (times != 1)}."


def best_of(compared: Compared, verdicts: ComparisonGroup, names: Mapping[str, str]) -> str:
    """What is best, and what does not differ significantly from it."""
    first = compared.first
    others = [place for place in verdicts.order if place not in first]
    level = [one for one in others if not all(verdicts.different[top, one] for top in first)]
    best = listed([names[verdicts.names[place]] for place in first])
    said = f"Best: {best}{'' if verdicts.of_methods else ' (some rows have fewer than three seeds)'}."
    if level:
        tied = listed([names[verdicts.names[place]] for place in level])
        said += f" No significant difference from {tied}."
    worse = len(others) - len(level)
    return said + (f" Significantly worse: {worse} of {len(others)} others." if worse else "")


def over_splits(compared: Compared, names: Mapping[str, str]) -> str:
    """The same of splits that are redrawn for each seed."""
    best, *others = compared.over_splits
    level = [names[name_of(key)] for key in others if not compared.over_splits[key]]
    said = f"Best: {names[name_of(best)]}." + (f" No significant difference from {listed(level)}." if level else "")
    worse = len(others) - len(level)
    said += f" Significantly worse: {worse} of {len(others)} others." if worse else ""
    return f"{said} (Corrected resampled t over the splits, Holm over {len(others)} comparisons.)"


def labels(compared: Compared, rows: Sequence[Row], titles: Titles) -> dict[str, str]:
    """Name in the verdicts -> a row's title: its method, with what else tells it from the others."""
    several = len({row.key.backbone for row in rows}) > 1
    told = {}
    for row in rows:
        staged = sum((one.key.backbone, one.key.method) == (row.key.backbone, row.key.method) for one in rows) > 1
        parts = [titles.of("method", row.name("method"))]
        parts += [f"on {titles.of('backbone', row.name('backbone'))}"] if several else []
        told[name_of(row.key)] = " ".join([*parts, *([f"({row.key.stage})"] if staged else [])])
    return told


def detectable(compared: Compared, verdicts: ComparisonGroup) -> str:
    """The smallest difference that this group can show, and whether seeds or test images would make it smaller."""
    best, second = (verdicts.names[place] for place in verdicts.order[:2])
    pair = verdicts.pair(best, second)
    if not math.isfinite(verdicts.mde):
        return f"No difference can be detected with {pair.units} {_units(pair)}: more of them are needed."
    sizes = f"With these {pair.units:,} {_units(pair)}{_seeds(pair)}"
    said = f"{sizes} a difference below {points(compared.metric, verdicts.mde)} cannot be detected reliably"
    plan = plan_for(compared.metric, verdicts, pair)
    if plan is None:
        return f"{said}."
    target, budget = plan
    return f"{said}: {remedy(budget, points(compared.metric, target), _units(pair))}."


def _units(pair: Comparison) -> str:
    """What the test counts, in words."""
    return "test images" if pair.units == pair.items else "groups of test images"


def helped_by_seeds(compared: Compared) -> bool:
    """Whether more seeds would let the group show smaller differences, or are needed to speak of its methods."""
    if compared.problem == REDRAWN:
        return True
    if compared.verdicts is None or not math.isfinite(compared.verdicts.mde):
        return False
    best, second = (compared.verdicts.names[place] for place in compared.verdicts.order[:2])
    plan = plan_for(compared.metric, compared.verdicts, compared.verdicts.pair(best, second))
    if plan is None:
        return False
    budget = plan[1]
    return budget.seeds_matter and (budget.seeds < FEWEST_SEEDS or bool(budget.more_seeds))


def _seeds(pair: Comparison) -> str:
    """How many seeds the two have; nothing of two methods that no seed changes."""
    return f" and {counted(pair.seeds, 'seed')}" if pair.seeds and pair.budget().seeds_matter else ""


def plan_for(metric: Metric, verdicts: ComparisonGroup, pair: Comparison) -> tuple[float, Budget] | None:
    """The largest round difference below the minimum detectable effect that the two best rows need more for, and what
    they need; None where the unit has no round differences."""
    for step in STEPS if metric.unit == "%" else ():
        budget = pair.budget(step)
        if step < verdicts.mde and 0 not in (budget.more_seeds, budget.more_units):
            return step, budget
    return None


def remedy(budget: Budget, target: str, units: str = "test images") -> str:
    """Which of seeds and test images, or groups of them, would bring the detectable difference down to a target."""
    seeds = None if budget.more_seeds is None else budget.seeds + budget.more_seeds
    images = None if budget.more_units is None else budget.units + budget.more_units
    if budget.seeds_matter and budget.seeds < FEWEST_SEEDS:
        return f"three seeds are needed to speak of the methods (now {budget.seeds})"
    some = f"about {_round(images)} {units}" if images else ""
    if not budget.seeds_matter:
        return f"{some} are needed for {target}" if images else f"no number of {units} is enough for {target}"
    if seeds and images:
        return f"about {seeds} seeds or {some} are needed for {target}"
    if seeds:
        return f"more seeds are needed (about {seeds} for {target}), more {units} do not help"
    if images:
        return f"more {units} are needed ({some} for {target}), more seeds do not help"
    return f"both more seeds and more {units} are needed for {target}"


def _round(number: int) -> str:
    """Two digits: nobody knows it better."""
    step = 10 ** max(len(str(number)) - 2, 0)
    return f"{round(number / step) * step:,}"


def points(metric: Metric, value: float) -> str:
    """``7.2 points``, or a value in the metric's unit."""
    if metric.unit == "%":
        return f"{value * 100:.1f} points" if value < 0.1 else f"{value * 100:.0f} points"
    return f"{value:.{metric.decimals}f} {metric.unit}".rstrip()


def listed(names: Sequence[str]) -> str:
    """``a, b and 3 more``."""
    some = list(names) if len(names) <= MOST else [*names[: MOST - 1], f"{len(names) - MOST + 1} more"]
    return some[0] if len(some) == 1 else f"{', '.join(some[:-1])} and {some[-1]}"


def _where(compared: Compared) -> str:
    return f"{compared.place.dataset} ({compared.place.protocol})"
