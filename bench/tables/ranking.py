"""`bench rank`: methods over several data sets, with ranks, tests, and wins, ties and losses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.cells.notation import Spec
from bench.core.errors import UsageError
from bench.core.text import preformatted
from bench.stats.ranking import Ranks, rank
from bench.tables.comparison_groups import Compared
from bench.tables.ranking_text import render
from bench.tables.rows import Row
from bench.tables.table import Table
from bench.tables.titles import Titles
from bench.tasks.base import Metric

FEWEST = 2
DIGITS = 4  # scores that are the same number so far are ties


@dataclass(frozen=True)
class Ranking:
    """Methods that all data sets have.

    Attributes:
        methods: As cells name them.
        groups: A comparison group for each data set.
        metrics: The metric of each.
        scores: (N, k) mean scores, higher is better.
        ranks: Ranks and tests.
        left_out: Methods that some data set lacks.
        titles: What methods and data sets are called.
    """

    methods: tuple[str, ...]
    groups: tuple[Compared, ...]
    metrics: tuple[Metric, ...]
    scores: np.ndarray
    ranks: Ranks
    left_out: tuple[str, ...]
    titles: Titles

    @property
    def names(self) -> list[str]:
        """Methods for people."""
        return [self.titles.of("method", method) for method in self.methods]

    @property
    def datasets(self) -> list[str]:
        """Data sets for people: the first words that tell them apart."""
        parts = [self.titles.dataset(group.place.dataset, group.place.protocol).split(", ") for group in self.groups]
        alone = [sum(other[0] == part[0] for other in parts) == 1 for part in parts]
        return [part[0] if one else " ".join(part[1:2]) for part, one in zip(parts, alone, strict=True)]

    def record(self, method: int) -> tuple[int, int, int]:
        """Wins, ties and losses of a method against every other on every data set."""
        others = np.delete(self.scores, method, axis=1) - self.scores[:, [method]]
        level = np.abs(others) < 10.0**-DIGITS
        return int(((others < 0) & ~level).sum()), int(level.sum()), int(((others > 0) & ~level).sum())

    def text(self, format: str = "text") -> str:
        """As text, md, csv or json; UsageError for another."""
        return render(self, format)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return preformatted(self.text())


def ranking(table: Table) -> Ranking:
    """Rank the methods that every comparison group of a table has.

    Raises:
        UsageError: A data set has several groups, backbones or recipes differ between groups, or there are fewer than
            two data sets or methods.
    """
    rows = {row.key: row for row in table.rows}
    groups = [group for group in table.compared if any(rows[key].values for key in group.members)]
    _check(groups, table.titles)
    scored = [{key.method: _score(group, rows[key]) for key in group.members} for group in groups]
    common = [name for name in scored[0] if all(_known(one.get(name)) for one in scored)]
    every = dict.fromkeys(name for one in scored for name in one)
    if len(common) < FEWEST:
        raise UsageError(f"The {len(groups)} data sets share {len(common)} methods; ranking needs two: {_had(scored)}")
    scores = np.round(np.array([[one[name] for name in common] for one in scored], float), DIGITS + 2)
    return Ranking(
        tuple(common),
        tuple(groups),
        tuple(group.metric for group in groups),
        scores,
        rank(np.round(scores, DIGITS)),
        tuple(name for name in every if name not in common),
        table.titles,
    )


def _score(group: Compared, row: Row) -> float | None:
    value = row.values.get(group.metric.name)
    return None if value is None else (1 if group.metric.higher_is_better else -1) * value.mean


def _known(score: float | None) -> bool:
    return score is not None and bool(np.isfinite(score))


def _had(scored: Sequence[dict[str, float | None]]) -> str:
    return "; ".join(", ".join(one) for one in scored)


def _check(groups: Sequence[Compared], titles: Titles) -> None:
    """Raise UsageError unless each data set has one group, of one backbone and one recipe that all share."""
    places: dict[str, list[str]] = defaultdict(list)
    for group in groups:
        places[_subset(group)].append(titles.dataset(group.place.dataset, group.place.protocol))
    for several in places.values():
        if len(several) > 1:
            told = "; ".join(several[:FEWEST]) + ("; ..." if len(several) > FEWEST else "")
            hint = "Leave some out by a filter, such as '~protocol=NAME'."
            raise UsageError(
                f"A data set counts once, and this one has {len(several)} comparison groups ({told}). {hint}"
            )
    if len(groups) < FEWEST:
        raise UsageError(f"Ranking needs two data sets or more, and there are {len(groups)}. Choose more by a filter.")
    for part, found in (("backbones", _backbones(groups)), ("recipes", {_recipe(group) for group in groups})):
        if len(found) > 1:
            raise UsageError(f"The groups differ in their {part} ({', '.join(sorted(found))}). Choose one by a filter.")


def _subset(group: Compared) -> str:
    """A data set, and the part of a collection that it is."""
    spec = Spec.parse(group.place.dataset)
    part = spec.params.get("subset", "")
    return f"{spec.name} {part}"


def _backbones(groups: Iterable[Compared]) -> set[str]:
    """Architectures; how large images are may differ."""
    return {Spec.parse(key.backbone).name for group in groups for key in group.members}


def _recipe(group: Compared) -> str:
    return group.place.recipe
