"""Pairs and blocks as their users call them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from worlds import World

from bench.stats import StatisticsError, compare, compare_all, intervals, planning_mde


def drawn(
    accuracies: list[float], n: int = 300, seeds: int = 3, seed: int = 0, world: World | None = None
) -> np.ndarray:
    world = world or World("", 0.5)
    return world.draw(np.random.default_rng(seed), (1, n, seeds), accuracies)[0].astype(float)


def named(scores: np.ndarray) -> dict[str, np.ndarray]:
    return {f"m{number}": matrix for number, matrix in enumerate(scores)}


def test_a_clear_difference_is_found_and_its_interval_holds_the_mean() -> None:
    a, b = drawn([0.95, 0.7])
    found = compare(a, b)
    assert found.verdict == "different"
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert found.low < found.difference < found.high
    assert found.low > 0
    turned = compare(b, a)
    assert (turned.difference, turned.p, turned.low) == pytest.approx((-found.difference, found.p, -found.high))


def test_p_and_interval_agree() -> None:
    for seed in range(40):
        found = compare(*drawn([0.87, 0.8], seed=seed))
        assert (found.p <= 0.05) == (found.low > 0 or found.high < 0)


def test_two_methods_in_a_block_are_the_pair_alone() -> None:
    a, b = drawn([0.9, 0.8])
    block, alone = compare_all({"A": a, "B": b}), compare(a, b)
    assert block.pair("A", "B").p == alone.p
    assert block.mde == alone.mde


def test_a_pair_is_the_same_in_any_company() -> None:
    """Its own two methods say how much seeds change them; a noisy third does not change p, interval or MDE."""
    scores = drawn([0.85] * 8, world=World("", (0.3,) * 7 + (6.0,)))
    pair, alone = compare_all(named(scores)).pair("m0", "m1"), compare(scores[0], scores[1])
    for field in ("difference", "low", "high", "p", "seed_freedom", "mde", "variance"):
        assert getattr(pair, field) == pytest.approx(getattr(alone, field), rel=1e-4), field
    assert pair.adjusted >= pair.p


def test_degrees_of_freedom_are_welchs() -> None:
    scores = drawn([0.85] * 3, world=World("", (6.0, 0.0, 6.0)), seeds=5)
    own = [len(one) * one.mean(0).var(ddof=1) for one in scores]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        expected = 4 * (own[a] + own[b]) ** 2 / (own[a] ** 2 + own[b] ** 2)
        found = compare_all(named(scores)).pair(f"m{a}", f"m{b}").seed_freedom
        assert found is not None
        assert 0 <= expected - found < 0.05
        assert 4 <= found <= 8


def test_the_tables_of_a_group_agree_with_each_other() -> None:
    block = compare_all(named(drawn([0.95, 0.94, 0.8, 0.6], seeds=5)))
    assert block.letters["m0"].startswith("a")
    assert block.ranks["m3"] == (4, 4)
    assert block.ranks["m0"][0] == 1
    assert (block.better & block.better.T).sum() == 0
    assert block.adjusted[0, 3] >= block.p[0, 3]
    assert block.mde_holm > block.mde


def test_lower_is_better_turns_the_ranks() -> None:
    scores = named(drawn([0.95, 0.6], seeds=5))
    assert compare_all(scores, higher_is_better=False).ranks == {"m0": (2, 2), "m1": (1, 1)}


def test_groups_are_the_units() -> None:
    """Forty patients with seven images each: the images of one patient share what they owe to the method."""
    world = World("", 0.5, item=0.1, interaction=0.8, group=7)
    a, b = drawn([0.85, 0.8], n=280, world=world)
    patients = [f"patient {i // 7}" for i in range(280)]
    found, ignored = compare(a, b, groups=patients), compare(a, b)
    assert (found.units, found.items, ignored.units) == (40, 280, 280)
    assert found.variance > 2 * ignored.variance
    by_hand = compare(a.reshape(40, 7, 3).mean(1), b.reshape(40, 7, 3).mean(1))
    assert (found.difference, found.variance) == pytest.approx((by_hand.difference, by_hand.variance))


def test_groups_of_unequal_size_are_a_ratio() -> None:
    """The difference stays the mean over items; its variance is the ratio estimator's textbook formula."""
    rng = np.random.default_rng(4)
    sizes = rng.integers(1, 30, 50)
    groups = np.repeat(np.arange(50), sizes)
    a, b = rng.random((len(groups), 1)) + rng.random(50)[groups][:, None], rng.random((len(groups), 1))
    found = compare(a, b, groups=groups.tolist(), bounds=(0, 2))
    sums = np.bincount(groups, (a - b)[:, 0])
    ratio = sums.sum() / sizes.sum()
    expected = ((sums - ratio * sizes) ** 2).sum() / 49 / 50 / sizes.mean() ** 2
    assert found.difference == pytest.approx((a - b).mean())
    assert found.variance == pytest.approx(expected)


def test_runs_are_matched_by_name() -> None:
    a, b = drawn([0.9, 0.8], seeds=5)
    runs = {"a": [(s, s) for s in range(5)], "b": [(s, s) for s in (4, 3, 2, 1, 0)]}
    block = compare_all({"a": a, "b": b[:, ::-1]}, runs=runs)
    assert block.pair("a", "b").p == pytest.approx(compare(a, b).p)
    fewer = compare_all({"a": a, "b": b[:, 1:4]}, runs={"a": runs["a"], "b": [(1, 1), (2, 2), (3, 3)]}).pair("a", "b")
    assert fewer.seeds == 3
    assert fewer.p == pytest.approx(compare(a[:, 1:4], b[:, 1:4]).p)


def test_methods_without_a_shared_run_are_compared_as_models() -> None:
    a, b = drawn([0.9, 0.7], seeds=4)
    block = compare_all({"a": a[:, :2], "b": b[:, 2:]}, runs={"a": [(0, 0), (1, 1)], "b": [(2, 2), (3, 3)]})
    found = block.pair("a", "b")
    expected = stats.ttest_1samp(a[:, :2].mean(1) - b[:, 2:].mean(1), 0).pvalue
    assert found.scope == "models"
    assert found.p == pytest.approx(expected, rel=1e-3)


def test_a_grid_counts_its_data_seeds() -> None:
    """Nine columns of three data seeds are three runs, not nine."""
    a, b = drawn([0.9, 0.85], seeds=9)
    grid = [(seed, data) for data in range(3) for seed in range(3)]
    found = compare(a, b, runs=grid)
    by_hand = compare(a.reshape(-1, 3, 3).mean(2), b.reshape(-1, 3, 3).mean(2))
    assert found.seeds == 3
    assert found.p == pytest.approx(by_hand.p)
    assert compare(a, b, runs=[(seed, 0) for seed in range(9)]).seeds == 9


def test_a_method_whose_runs_differ_is_not_deterministic() -> None:
    a, b = (np.random.default_rng(i).random((60, 3)) for i in range(2))
    for judge in (compare_all, intervals):
        with pytest.raises(StatisticsError, match="its runs differ"):
            judge({"a": a, "b": b}, deterministic=("b",))  # type: ignore[operator]


def test_a_deterministic_method_stands_for_every_run() -> None:
    a, b, c = drawn([0.9, 0.8, 0.7], seeds=4)
    block = compare_all({"a": a, "knn": b[:, :1], "mde": c[:, :1]}, deterministic=("knn", "mde"))
    assert block.pair("a", "knn").seeds == 4
    assert block.pair("a", "knn").difference == pytest.approx(a.mean() - b[:, 0].mean())
    both = block.pair("knn", "mde")
    assert (both.scope, both.test, both.seed_freedom) == ("methods", "mid-p McNemar", None)


def test_equal_predictions_are_untestable_not_tied() -> None:
    (a,) = drawn([0.99], n=100)
    found = compare(a, a)
    assert (found.verdict, found.p) == ("untestable", 1.0)
    assert found.low < -0.02  # none of 100 items differs: up to 3 % may
    assert found.mde > 0
    few = a.copy()
    few[:3] = 1 - few[:3]
    assert compare(a, few).verdict == "untestable"


def test_perfect_methods_have_a_mdes() -> None:
    """Nobody erred on 278 items: a share d of errors is found with 80 % only above about (1.96 + 0.84)^2 / 278."""
    perfect = np.ones((278, 3))
    assert compare(perfect, perfect).mde == pytest.approx(7.85 / 278, rel=0.1)


def test_planning_floor_of_the_method() -> None:
    assert planning_mde(278, 0.10) == pytest.approx(0.053, abs=5e-4)
    assert planning_mde(2048, 0.10) == pytest.approx(0.0196, abs=5e-4)
    assert planning_mde(2048, 0.10, seed_sd=0.02, seeds=3) > 2 * planning_mde(2048, 0.10)
    with pytest.raises(StatisticsError):
        planning_mde(0, 0.1)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"a": np.zeros((5, 3))}, "two methods"),
        ({"a": np.zeros((5, 3)), "b": np.zeros((6, 3))}, "same items"),
        ({"a": np.full((5, 3), 7.0), "b": np.zeros((5, 3))}, "bounds"),
    ],
)
def test_what_cannot_be_compared_says_so(scores: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(StatisticsError, match=words):
        compare_all(scores)


def test_unknown_names_and_groups_say_so() -> None:
    a, b = drawn([0.9, 0.8])
    with pytest.raises(StatisticsError, match="No method"):
        compare_all({"a": a, "b": b}).pair("a", "c")
    with pytest.raises(StatisticsError, match="one group for each item"):
        compare(a, b, groups=[1, 2])
    with pytest.raises(StatisticsError, match="of one group"):
        compare(a, b, groups=[1] * len(a))
    with pytest.raises(StatisticsError, match="data seed"):
        compare(a, b, runs=[(0, 0), (0, 0), (1, 1)])


def test_a_group_lends_what_it_knows_of_seeds_to_verdicts_on_all_pairs() -> None:
    """Under Holm three seeds of eight methods separate what those of two could not; p stays the pair's own."""
    scores = drawn([0.9, 0.85, *[0.85] * 6], n=2000, world=World("", 1.0))
    group = compare_all(named(scores))
    pair, alone = group.pair("m0", "m1"), compare(scores[0], scores[1])
    assert pair.p == pytest.approx(alone.p)
    assert pair.different
    assert pair.p * group.pairs > 0.05
    assert (group.adjusted >= group.p).all()


@pytest.mark.parametrize("points", [(1.0,) * 8, (4.0, *[0.3] * 7), (*[4.0] * 4, *[0.3] * 4)])
def test_families_of_equal_methods_keep_their_level(points: tuple[float, ...]) -> None:
    """At most 5.6 % of families of eight equal methods hold a finding, less chance over 300 families."""
    rng, found, families = np.random.default_rng(5), 0, 300
    for _ in range(families):
        cube = World("", points).draw(rng, (1, 300, 3), [0.85] * 8)[0].astype(float)
        found += compare_all(named(cube)).different.any()
    assert found / families <= 0.056 + 3 * np.sqrt(0.056 * 0.944 / families)
