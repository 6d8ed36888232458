"""Every pair of methods on the runs that both have."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from bench.stats.crossed import FEWEST_SEEDS, Crossed, crossed, crossed_pairs
from bench.stats.errors import StatisticsError
from bench.stats.mcnemar import midp_pairs
from bench.stats.moderation import FEWEST, moderated
from bench.stats.units import grouped

Array = np.ndarray[Any, np.dtype[Any]]
FIELDS = ("mean", "ms_units", "ms_seeds", "ms_residual", "seeds", "moved", "seed_freedom")
Labels = Mapping[str, Sequence[Hashable]]
Kind = frozenset[Hashable] | None  # the runs of a method; None if it is the same in all


@dataclass(frozen=True)
class Matched:
    """Analyses of all pairs of k methods.

    Attributes:
        table: (k, k) analyses, each from its own two methods.
        family: The same with seed variances moderated over the group, for a verdict on all pairs together.
        midp: (k, k) mid-p values; NaN where a t test decides.
        of_methods: (k, k) whether a pair speaks of methods, not of the trained models alone.
        means: (k, k) mean of the first method over the runs that it shares with the second; over its own without any.
        shared: (k, k) how many runs they share; 1 of two deterministic methods.
    """

    table: Crossed
    family: Crossed
    midp: Array
    of_methods: Array
    means: Array
    shared: Array


def match(
    scores: Mapping[str, Array], labels: Labels, groups: Sequence[object] | None, fixed: Collection[str]
) -> Matched:
    """Analyse each pair on its shared runs.

    Below three shared runs the seeds are no sample: the pair is analysed on the mean over them, as a statement on
    these models. Without a shared run each method's mean over its own stands for it.

    Args:
        scores: Method -> (n, runs), at least two methods.
        labels: Method -> names of its runs.
        fixed: Deterministic methods, which are the same in every run.

    Raises:
        StatisticsError: The runs of one of them differ.
    """
    check_fixed(scores, fixed)
    names = list(scores)
    kinds: dict[Kind, list[int]] = {}
    for place, name in enumerate(names):
        kinds.setdefault(None if name in fixed else frozenset(labels[name]), []).append(place)
    found = _Pairs(len(names))
    for one, other in combinations_with_replacement(kinds, 2):
        members = kinds[one] if one == other else kinds[one] + kinds[other]
        if len(members) > 1:
            both = _shared(one, other)
            cube = np.stack([_runs(scores[names[m]], labels[names[m]], both) for m in members])
            of_none = one is None and other is None  # two deterministic methods
            found.fill(kinds[one], kinds[other], _analyse(cube, groups), 1 if of_none else len(both), of_none)
    table = Crossed(**found.fields, units=found.units)
    random = [name not in fixed and scores[name].shape[1] > 1 for name in names]
    family = _moderated(table, [crossed(grouped(scores[name], groups)[0]) for name in names], np.array(random))
    return Matched(table, family, found.midp, found.of_methods, found.means, found.shared)


def _moderated(table: Crossed, rows: Sequence[Crossed], random: Array) -> Crossed:
    """All pairs with moderated seed variances; a method's own is told by all of its runs."""
    own, freedom = (np.array([float(value) for value in values]) for values in _seeds_of(rows))
    varying = random & (own > 0)
    if varying.sum() < FEWEST:
        return table
    own[~varying] = 0.0
    own[varying], freedom[varying] = moderated(own[varying], freedom[varying])
    return table.with_seeds(own, freedom)


def _seeds_of(rows: Sequence[Crossed]) -> tuple[list[Array], list[Array]]:
    return [row.ms_seeds for row in rows], [np.maximum(row.seed_freedom, 1.0) for row in rows]


def check_fixed(scores: Mapping[str, Array], fixed: Collection[str]) -> None:
    """Raise StatisticsError where the runs of a method that is called deterministic differ."""
    for name in fixed:
        if name in scores and not np.allclose(scores[name], scores[name][:, :1]):
            raise StatisticsError(f"{name} is called deterministic, but its runs differ.")


class _Pairs:
    """Analyses of all pairs (k, k), filled in part by part."""

    def __init__(self, k: int) -> None:
        self.fields = {field: np.zeros((k, k)) for field in FIELDS}
        self.fields["seeds"] += 1
        self.midp, self.of_methods, self.units = np.full((k, k), np.nan), np.zeros((k, k), bool), 0
        self.means, self.shared = np.zeros((k, k)), np.zeros((k, k), int)

    def fill(
        self, here: list[int], there: list[int], analysed: tuple[Crossed, Array, Array], shared: int, fixed: bool
    ) -> None:
        """Take over the pairs of methods ``here`` with methods ``there`` from the analysis of both."""
        members = here if here == there else here + there
        table, midp, means = analysed
        for rows, columns in ((here, there), (there, here)):
            cells = np.ix_(rows, columns)
            inside = np.ix_([members.index(m) for m in rows], [members.index(m) for m in columns])
            part = table.at(inside)
            for field in FIELDS:
                self.fields[field][cells] = getattr(part, field)
            self.midp[cells] = midp[inside]
            self.means[cells], self.shared[cells] = means[inside[0]], shared
            self.of_methods[cells] = fixed or bool((part.seeds >= FEWEST_SEEDS).all())
        self.units = table.units


def _shared(one: Kind, other: Kind) -> frozenset[Hashable]:
    """Runs that two kinds of methods share; a deterministic method (None) has those of any other."""
    if one is None or other is None:
        return (one or frozenset()) | (other or frozenset())
    return one & other


def _runs(scores: Array, labels: Sequence[Hashable], shared: frozenset[Hashable]) -> Array:
    """Columns of the shared runs in one order; the mean over all runs where nothing is shared or nothing varies."""
    place = {label: column for column, label in enumerate(labels)}
    if shared and shared <= place.keys():
        return scores[:, [place[label] for label in sorted(shared, key=repr)]]
    return np.repeat(scores.mean(1, keepdims=True), max(len(shared), 1), axis=1)


def _analyse(cube: Array, groups: Sequence[object] | None) -> tuple[Crossed, Array, Array]:
    """Analyses of all pairs of (k, n, S), mid-p values where they apply, and the (k,) means."""
    means = cube.mean((1, 2))
    units, sums = grouped(cube, groups)
    table = crossed_pairs(units, sums)
    none = np.full((len(cube), len(cube)), np.nan)
    if cube.shape[-1] >= FEWEST_SEEDS:
        return table, none, means
    binary = groups is None and bool(((cube == 0) | (cube == 1)).all())
    return table.seeds_fixed(), midp_pairs(cube) if binary else none, means
