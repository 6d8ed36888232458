"""Does it hold? The simulations of docs/statistics.md in short, and that a test without seeds fails them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from worlds import REGIMES, World, labels, predictions

from bench.stats import Comparison, compare, compare_all, holm, macro_f1
from bench.stats.crossed import crossed

pytestmark = [pytest.mark.slow, pytest.mark.simulation]

Decide = Callable[[Comparison], float]
REPLICATES = 150


def ours(found: Comparison) -> float:
    return found.p


def without_seeds(found: Comparison) -> float:
    """The deliberately wrong variant: a test over images, on the mean over seeds."""
    return float(found.table.seeds_fixed().p())


def drawn(world: World, shape: tuple[int, int], accuracies: list[float], replicates: int = REPLICATES) -> np.ndarray:
    return world.draw(np.random.default_rng(11), (replicates, *shape), accuracies).astype(float)


def at_most(rate: float, bound: float, replicates: int) -> bool:
    """Whether a rate is within three binomial standard errors of a bound."""
    return rate <= bound + 3 * math.sqrt(bound * (1 - bound) / replicates)


def false_positives(world: World, decide: Decide, n: int = 278, seeds: int = 3) -> float:
    pairs = drawn(world, (n, seeds), [world.accuracy] * 2)
    return float(np.mean([decide(compare(a, b)) <= 0.05 for a, b in pairs]))


@pytest.mark.parametrize("world", REGIMES, ids=lambda w: w.name)
@pytest.mark.parametrize(("n", "seeds"), [(140, 3), (278, 5)])
def test_equal_methods_are_seldom_told_apart(world: World, n: int, seeds: int) -> None:
    assert at_most(false_positives(world, ours, n, seeds), 0.065, REPLICATES)


@pytest.mark.parametrize("world", REGIMES[1:3], ids=lambda w: w.name)
def test_a_test_without_seeds_fails_the_same_check(world: World) -> None:
    assert not at_most(false_positives(world, without_seeds, n=1000), 0.065, REPLICATES)


def family_wise(world: World, decide: Callable[[np.ndarray], bool], replicates: int = 80) -> float:
    blocks = drawn(world, (278, 3), [world.accuracy] * 8, replicates)
    return float(np.mean([decide(scores) for scores in blocks]))


def any_found(scores: np.ndarray) -> bool:
    return bool(compare_all({str(m): matrix for m, matrix in enumerate(scores)}).different.any())


def any_found_without_seeds(scores: np.ndarray) -> bool:
    means = scores.mean(2, keepdims=True)
    block = compare_all({str(m): matrix for m, matrix in enumerate(means)})
    return bool((block.adjusted <= 0.05).any())


@pytest.mark.parametrize(
    "world", [*REGIMES[1:4], World("unequal seeds", tuple(np.geomspace(0.3, 3, 8)))], ids=lambda w: w.name
)
def test_eight_equal_methods_seldom_hold_a_finding(world: World) -> None:
    assert at_most(family_wise(world, any_found), 0.065, 80)


def test_eight_equal_methods_without_seeds_often_do() -> None:
    assert not at_most(family_wise(REGIMES[2], any_found_without_seeds), 0.065, 80)


def any_found_with_one_quantile(scores: np.ndarray) -> bool:
    """The crossed t test of each pair alone, with one quantile at Satterthwaite's degrees of freedom."""
    one, other = np.triu_indices(8, 1)
    table = crossed(scores[one] - scores[other])
    n, seeds = table.units, scores.shape[2]
    total = np.maximum(table.ms_units + table.ms_seeds - table.ms_residual, 0)
    squares = (
        table.ms_units**2 / (n - 1) + table.ms_seeds**2 / (seeds - 1) + table.ms_residual**2 / (n - 1) / (seeds - 1)
    )
    largest = np.maximum(total, np.maximum(table.ms_units, table.ms_seeds))
    p = 2 * stats.t.sf(np.abs(table.mean) / np.sqrt(largest / n / seeds), np.maximum(total**2 / squares, seeds - 1))
    return bool((holm(p) <= 0.05).any())


def test_eight_equal_methods_with_one_quantile_often_do() -> None:
    assert not at_most(family_wise(REGIMES[2], any_found_with_one_quantile), 0.065, 80)


@pytest.mark.parametrize("world", REGIMES[:4], ids=lambda w: w.name)
def test_a_difference_as_large_as_the_floor_is_found_and_covered(world: World) -> None:
    equal = drawn(world, (278, 5), [world.accuracy] * 2)
    mde = float(np.median([compare(a, b).mde for a, b in equal]))
    apart = [compare(a, b) for a, b in drawn(world, (278, 5), [world.accuracy, world.accuracy - mde])]
    power = np.mean([one.p <= 0.05 for one in apart])
    assert at_most(0.70, power, REPLICATES)
    assert at_most(power, 0.90, REPLICATES)
    covered = np.mean([one.low <= mde <= one.high for one in apart])
    assert at_most(1 - covered, 0.075, REPLICATES)


def test_groups_hold_the_level_and_ignoring_them_does_not() -> None:
    world = World("", 1.0, item=0.25, interaction=0.45, group=7)
    patients = np.arange(280) // 7
    pairs = drawn(world, (280, 5), [0.85] * 2)
    rates = [np.mean([compare(a, b, groups).p <= 0.05 for a, b in pairs]) for groups in (patients, None)]
    assert at_most(rates[0], 0.065, REPLICATES)
    assert not at_most(rates[1], 0.065, REPLICATES)


@pytest.mark.parametrize("world", REGIMES[:3], ids=lambda w: w.name)
def test_macro_f1_holds_the_level(world: World) -> None:
    truth = labels(200)
    predicted = predictions(np.random.default_rng(5), drawn(world, (200, 3), [world.accuracy] * 2) > 0, truth)
    values = np.moveaxis(macro_f1(truth, np.moveaxis(predicted, -1, -2), 4), -2, -1)
    found = [compare(a, b).p <= 0.05 for a, b in values]
    assert at_most(float(np.mean(found)), 0.065, REPLICATES)
