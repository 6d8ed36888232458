"""Search spaces: values or ranges of fields, from which every method of a suite gets as many trials.

An axis is a text: ``lr=0.001|0.01`` (values), ``lr=0.0001..0.1`` (a range, drawn evenly on a log scale; of whole
numbers where both ends are), ``lora.rank=4|16`` (a field of one method, for others without effect).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from math import inf, prod
from typing import Any

from bench.cells.notation import format_value, parse_value
from bench.core import extras
from bench.core.errors import UsageError

Point = dict[str, Any]  # field of the recipe, or method.field -> value

# Fields of a recipe that a trial may have for itself: how its steps are taken. What decides the images, the epochs or
# what is reported is the same for all trials of a cell.
SEARCHABLE = (
    "lr", "backbone_lr", "stage2_lr", "layer_decay", "drop_path", "weight_decay", "no_decay", "clip_norm", "optimizer",
    "momentum", "schedule", "warmup_epochs", "label_smoothing",
)  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """One field and what may be tried of it.

    Attributes:
        values: Each once, in order; empty for a range.
        low, high: Ends of a range.
    """

    name: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0

    @property
    def size(self) -> float:
        """How many values there are."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return len(self.values) or (self.high - self.low + 1 if whole else inf)


def written(search: Any) -> Any:
    """Axes as texts, also where they are given as a table: field -> list of values, or a range as text."""
    if not isinstance(search, Mapping):
        return search
    return tuple(
        f"{name}={'|'.join(map(format_value, tried)) if isinstance(tried, (list, tuple)) else format_value(tried)}"
        for name, tried in search.items()
    )


def axes(search: Iterable[str]) -> list[Axis]:
    """Read axes.

    Raises:
        ValueError: A text is no axis, or a field of the recipe cannot be searched, or stands twice.
    """
    found = [_axis(text) for text in search]
    for one in found:
        if "." not in one.name and one.name not in SEARCHABLE:
            raise ValueError(
                f"search: {one.name} cannot differ between trials; {', '.join(SEARCHABLE)} and METHOD.FIELD can"
            )
    if len({one.name for one in found}) < len(found):
        raise ValueError("search: a field stands twice")
    return found


def _axis(text: str) -> Axis:
    name, equals, tried = text.partition("=")
    low, dots, high = tried.partition("..")
    if not equals or not name or not tried:
        raise ValueError(f"search: {text!r} is neither 'lr=0.001|0.01' nor 'lr=0.0001..0.1'")
    if not dots:
        return Axis(name, tuple(parse_value(value) for value in tried.split("|")))
    ends = parse_value(low), parse_value(high)
    if not all(isinstance(end, (int, float)) for end in ends) or not 0 < ends[0] < ends[1]:
        raise ValueError(f"search: {text!r}: a range goes from a positive number to a larger one")
    return Axis(name, (), *ends)


def search_points(
    search: Iterable[str], number: int | None, applies: Callable[[str], bool], seed: int, method: str
) -> list[Point]:
    """What a method tries: every combination of its values, or as many drawn at random (Bergstra and Bengio 2012).

    The same seed draws the same points, so that an interrupted search goes on.

    Args:
        number: How many; None: every combination.
        applies: Whether a field by this name does anything in the method.
        method: For messages.

    Raises:
        UsageError: There are fewer combinations than trials, a range without a number of trials, or Optuna, which draws
            them, is not installed.
    """
    space = [axis for axis in axes(search) if applies(axis.name)]
    ranges, size = any(not axis.values for axis in space), prod(axis.size for axis in space)
    if number is None and ranges:
        raise UsageError("search has a range: say how many trials every method gets, as -o trials=8.")
    if number is not None and size < number:
        tried = ", ".join(axis.name for axis in space) or "nothing"
        raise UsageError(
            f"{method} has {size} combinations of {tried} for {number} trials. Give one of them a range, as "
            f"'lr=0.0001..0.1', or set trials={size}."
        )
    if not ranges and number in (None, size):
        return [dict(zip([a.name for a in space], point, strict=True)) for point in product(*(a.values for a in space))]
    assert number is not None
    return _drawn(space, number, seed)


def _drawn(space: list[Axis], number: int, seed: int) -> list[Point]:
    extras.check("optuna", "trials drawn at random")
    import optuna

    told = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # a study that only draws is nothing to report
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    optuna.logging.set_verbosity(told)
    distributions: dict[str, Any] = {axis.name: _distribution(axis) for axis in space}
    texts = {axis.name for axis in space if axis.values}
    found: dict[str, Point] = {}
    while len(found) < number:  # a point drawn again is not tried again
        drawn = study.ask(distributions).params
        point = {name: parse_value(value) if name in texts else value for name, value in drawn.items()}
        found.setdefault(json.dumps(point), point)
    return list(found.values())


def _distribution(axis: Axis) -> Any:
    from optuna import distributions

    if axis.values:
        return distributions.CategoricalDistribution([format_value(value) for value in axis.values])
    if isinstance(axis.low, int) and isinstance(axis.high, int):
        return distributions.IntDistribution(axis.low, axis.high, log=True)
    return distributions.FloatDistribution(axis.low, axis.high, log=True)


def fields_of(point: Point, method: str = "") -> dict[str, Any]:
    """A point's fields of the recipe, or of the method named."""
    if not method:
        return {name: value for name, value in point.items() if "." not in name}
    begins = f"{method}."
    return {name.removeprefix(begins): value for name, value in point.items() if name.startswith(begins)}
