"""Comparable groups: rows that may be compared, because only the method and the backbone differ, and what comes of it.

A group has one task, data set, protocol, subset, preprocessing, selection, recipe and so budget, and the very same test
items. What differs in one of these stands in another group. Only learning rates may differ, where each method has one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.cells.notation import Spec
from bench.cells.recipes import RATES
from bench.records import Record, StageResult
from bench.records.items import unpacked
from bench.stats import ComparisonGroup, StatisticsError, compare_all, intervals, of_seeds
from bench.stats import Row as Estimate
from bench.tables.metrics import metrics_of
from bench.tables.resampled import against_best, estimate, redrawn
from bench.tables.rows import SUBSETS, Key, Row, stage_of
from bench.tasks.base import Metric

REDRAWN = "test samples differ from run to run, so that items cannot be paired; see the differences over splits"
Scores = Callable[[Record, StageResult, Metric], np.ndarray | None]
"""Item scores (n,) of a run, or None where nobody has them."""


@dataclass(frozen=True)
class Place:
    """What the rows of one group have in common."""

    task: str
    dataset: str
    protocol: str
    size: str
    recipe: str
    test_selected: bool
    items: str

    @property
    def label(self) -> str:
        """For people."""
        size = f", {self.input}" if self.input else ""
        return f"{self.dataset} ({self.protocol}){size}, recipe {self.recipe}"

    @property
    def input(self) -> str:
        """The input's size in words, empty where it has none: pixels of a side, or the width of ready-made vectors."""
        return "" if self.size in ("None", "") else f"size {self.size}"


@dataclass(frozen=True)
class Compared:
    """One group with the verdicts by one metric.

    Attributes:
        verdicts: None where fewer than two rows have item scores.
        problem: Why there are none.
        members: All rows of the group; ``keys`` are those with item scores.
        over_splits: Where splits are redrawn: whether each row differs from the best, see `against_best`.
    """

    place: Place
    keys: tuple[Key, ...]
    metric: Metric
    verdicts: ComparisonGroup | None
    problem: str = ""
    members: tuple[Key, ...] = ()
    over_splits: dict[Key, bool] = field(default_factory=dict)

    @property
    def first(self) -> list[int]:
        """Places, in the verdicts' order, of the best mean and of those that are the same number as it is shown."""
        assert self.verdicts is not None
        means, order = self.verdicts.means, self.verdicts.order
        return [place for place in order if self.metric.alike(float(means[place]), float(means[order[0]]))]

    def label(self, name: str) -> str:
        """A row's name for people: what all rows of the group share is left out."""
        key = next(key for key in self.keys if name_of(key) == name)
        several = len({key.backbone for key in self.keys}) > 1
        staged = sum((other.backbone, other.method) == (key.backbone, key.method) for other in self.keys) > 1
        return " ".join([*([key.backbone] if several else []), key.method, *([key.stage] if staged else [])])


def packed_scores(split: str) -> Scores:
    """Item scores as the records hold them: of the metrics that their task shows."""

    def look_up(record: Record, stage: StageResult, metric: Metric) -> np.ndarray | None:
        text = stage.items.get(split, {}).get(metric.name)
        return None if text is None else unpacked(text)

    return look_up


def grouped(groups: dict[Key, list[Record]], split: str) -> dict[Place, list[Key]]:
    """Rows by the group that they belong to, those without a finished run left out."""
    found: dict[Place, list[Key]] = defaultdict(list)
    for key, records in groups.items():
        done = finished(records)
        if done:
            found[place_of(key, done[0], split)].append(key)
    return _at_own_rates(found)


def _at_own_rates(found: dict[Place, list[Key]]) -> dict[Place, list[Key]]:
    """Blocks that differ in learning rates alone are one, where no method stands in several of them."""
    alike: dict[Place, list[Place]] = defaultdict(list)
    for place in found:
        alike[replace(place, recipe=_without_rates(place.recipe))].append(place)
    joined: dict[Place, list[Key]] = {}
    for common, places in alike.items():
        keys = [key for place in places for key in found[place]]
        once = len(places) > 1 and len({name_of(key) for key in keys}) == len(keys)
        joined |= {common: keys} if once else {place: found[place] for place in places}
    return joined


def _without_rates(recipe: str) -> str:
    spec = Spec.parse(recipe)
    return str(Spec(spec.name, {name: value for name, value in spec.params.items() if name not in RATES}))


def place_of(key: Key, record: Record, split: str) -> Place:
    """The group of a row, told by one of its runs."""
    items = stage_of(record, key.stage).items.get(split, {}).get("ids", "")
    size = str(record.backbone.params.get("size"))
    return Place(key.task, key.dataset, key.protocol, size, key.recipe, key.test_selected, items)


def with_intervals(
    rows: dict[Key, Row], groups: dict[Key, list[Record]], split: str, scores: Scores, columns: Sequence[str]
) -> dict[Key, Row]:
    """The rows with an interval for every column that item scores are known of; seed variance pooled in each group."""
    found = dict(rows)
    for place, keys in grouped(groups, split).items():
        for metric in [metric for metric in metrics_of(place.task) if metric.name in columns]:
            fixed = [key for key in keys if not redrawn(groups[key], key, split)]
            estimates = _estimates(_matrices(fixed, groups, metric, scores), fixed, groups, split, metric)
            over_splits = {key: estimate(groups[key], key, metric, split) for key in keys if key not in fixed}
            for key, found_estimate in {**estimates, **over_splits}.items():
                if found_estimate is not None:
                    values = {**found[key].values, metric.name: found_estimate}
                    found[key] = replace(found[key], values=values)
    return found


def _estimates(
    matrices: dict[Key, np.ndarray], keys: Sequence[Key], groups: dict[Key, list[Record]], split: str, metric: Metric
) -> dict[Key, Estimate]:
    if not matrices:
        return {}
    names = {name_of(key): key for key in matrices}
    units, runs = units_of(groups, keys, split), {name_of(key): runs_of(groups[key]) for key in matrices}
    try:
        found = intervals(
            {name_of(key): matrix for key, matrix in matrices.items()}, units, (metric.low, metric.high), runs=runs,
            deterministic=[name_of(key) for key in matrices if unseeded(groups[key], key, matrices[key])],
        )  # fmt: skip
    except StatisticsError:  # runs that cannot be paired: each row then tells of its seeds alone
        return {key: of_seeds(matrix.mean(0), (metric.low, metric.high)) for key, matrix in matrices.items()}
    return {names[name]: row for name, row in found.items()}


def compared(groups: dict[Key, list[Record]], split: str, scores: Scores) -> list[Compared]:
    """Every group with the verdicts on all its pairs, by the task's headline metric."""
    found = []
    for place, keys in grouped(groups, split).items():
        verdicts = compared_as({key: name_of(key) for key in keys}, groups, split, scores)
        found.append(replace(verdicts, place=place, members=tuple(keys)))
    return found


def compared_as(
    names: dict[Key, str], groups: dict[Key, list[Record]], split: str, scores: Scores, metric: Metric | None = None
) -> Compared:
    """The verdicts on rows of one group.

    Args:
        names: What each row is called in the verdicts.
        metric: The headline metric of their task if not given.
    """
    first = next(iter(names))
    metric = metric or metrics_of(first.task)[0]
    if any(redrawn(groups[key], key, split) for key in names):
        place = place_of(first, finished(groups[first])[0], split)
        over_splits = against_best(groups, tuple(names), metric, split)
        return Compared(place, tuple(names), metric, None, REDRAWN, over_splits=over_splits)
    matrices = _matrices(names, groups, metric, scores)
    place, keys = place_of(first, finished(groups[first])[0], split), tuple(matrices)
    if len(keys) < 2:
        return Compared(place, keys, metric, None, "fewer than two rows with stored item scores")
    try:
        verdicts = compare_all(
            {names[key]: matrix for key, matrix in matrices.items()},
            units_of(groups, keys, split),
            runs={names[key]: runs_of(groups[key]) for key in keys},
            deterministic=[names[key] for key in keys if unseeded(groups[key], key, matrices[key])],
            higher_is_better=metric.higher_is_better,
            bounds=(metric.low, metric.high),
        )
    except StatisticsError as error:
        return Compared(place, keys, metric, None, str(error))
    return Compared(place, keys, metric, verdicts)


def _matrices(
    keys: Iterable[Key], groups: dict[Key, list[Record]], metric: Metric, scores: Scores
) -> dict[Key, np.ndarray]:
    """Row -> item scores (n, runs), of the rows all of whose runs have them."""
    found = {}
    for key in keys:
        columns = [scores(record, stage_of(record, key.stage), metric) for record in finished(groups[key])]
        known = [column for column in columns if column is not None and np.isfinite(column).all()]
        if known and len(known) == len(columns):
            found[key] = np.stack(known, axis=1)
    return found


def unseeded(records: Sequence[Record], key: Key, scores: np.ndarray) -> bool:
    """Whether no seed plays a part: in trivial baselines and closed-form fits, which have no epochs, unless the data
    seed draws what they are fitted on.

    Args:
        scores: (n, runs) item scores of the finished runs.
    """
    done = finished(records)
    drawn = len({record.fingerprints.get("data") for record in done}) > 1
    drawn |= any(record.dataset.params.get(field) is not None for record in done for field in SUBSETS)
    no_epochs = all(stage_of(record, key.stage).epochs == 0 for record in done)
    return no_epochs and not drawn and bool((scores == scores[:, :1]).all())


def finished(records: Sequence[Record]) -> list[Record]:
    """The runs that have ended well."""
    return [record for record in records if record.status == "done"]


def runs_of(records: Sequence[Record]) -> list[tuple[int, int]]:
    """(seed, data seed) of each finished run."""
    return [(record.seed, record.data_seed) for record in finished(records)]


def units_of(groups: dict[Key, list[Record]], keys: Iterable[Key], split: str) -> list[int] | None:
    """The group (n,) of each item, the same for all rows of a group; None where items stand alone."""
    for key in keys:
        for record in finished(groups[key]):
            text = stage_of(record, key.stage).items.get(split, {}).get("groups")
            return None if text is None else unpacked(text).astype(int).tolist()
    return None


def name_of(key: Key) -> str:
    """How a row is called inside its group."""
    return "/".join(part for part in (key.backbone, key.method, key.stage) if part)


def ranked(rows: dict[Key, Row], found: Iterable[Compared]) -> dict[Key, Row]:
    """The rows with their range of ranks and their letters; rows that share a letter do not differ significantly."""
    placed = dict(rows)
    for compared in found:
        if compared.verdicts is not None:
            for key in compared.keys:
                name = name_of(key)
                ranks, letters = compared.verdicts.ranks[name], compared.verdicts.letters[name]
                of_methods = compared.verdicts.speaks_of_method(name)
                placed[key] = replace(placed[key], ranks=ranks, letters=letters, of_methods=of_methods)
    return placed
