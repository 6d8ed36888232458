"""Noise budgets: what is promised is enough, one less is not, and impossible is said."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from bench.stats import Comparison, compare, compare_all, crossed, minimum_detectable_effect, noise_budget


def normal(n: int, seeds: int, sd: tuple[float, float, float], mean: float = 0.1) -> np.ndarray:
    """Differences whose components are exactly these: draws made orthogonal and scaled."""
    rng = np.random.default_rng(0)
    unit, seed, rest = rng.normal(0, 1, (n, 1)), rng.normal(0, 1, (1, seeds)), rng.normal(0, 1, (n, seeds))
    rest -= rest.mean(0) + rest.mean(1, keepdims=True) - rest.mean()
    unit, seed = unit - unit.mean(), seed - seed.mean()
    rest *= sd[2] / np.sqrt((rest**2).sum() / ((n - 1) * (seeds - 1)))
    unit *= np.sqrt(sd[0] ** 2 + sd[2] ** 2 / seeds) / unit.std(ddof=1)
    seed *= np.sqrt(sd[1] ** 2 + sd[2] ** 2 / n) / seed.std(ddof=1)
    return mean + unit + seed + rest


def test_components_are_found() -> None:
    found = noise_budget(crossed(normal(200, 5, (0.5, 0.05, 0.3))))
    assert (found.unit_sd, found.seed_sd, found.residual_sd) == pytest.approx((0.5, 0.05, 0.3))


def test_enough_is_enough() -> None:
    found = noise_budget(crossed(normal(1000, 10, (0.2, 0.01, 0.2), mean=0.3)))
    assert (found.more_seeds, found.more_units) == (0, 0)
    assert found.text().startswith("nothing more: four of five comparisons with as many images")


def test_what_is_promised_suffices_and_less_does_not() -> None:
    sd, target = (0.3, 0.04, 0.3), 0.06
    found = noise_budget(crossed(normal(400, 4, sd)), target)
    assert found.more_seeds is not None
    for extra, enough in ((found.more_seeds, True), (found.more_seeds - 1, False)):
        mde = minimum_detectable_effect(crossed(normal(400, 4 + extra, sd)))
        assert (float(mde) <= target) == enough
    assert found.text() == f"{found.more_seeds} more seeds; no number of images suffices with 4 seeds"


def test_more_images_where_images_are_the_noise() -> None:
    sd, target = (0.4, 0.001, 0.2), 0.03
    found = noise_budget(crossed(normal(500, 5, sd)), target)
    assert found.more_seeds is None
    assert found.more_units is not None
    assert float(minimum_detectable_effect(crossed(normal(500 + found.more_units, 5, sd)))) <= target
    assert "no number of seeds suffices with 500 images" in found.text()
    assert f"{found.more_units} more images" in found.text()


def test_below_three_seeds_the_advice_is_three() -> None:
    rng = np.random.default_rng(0)
    found: Comparison = compare(rng.random((50, 1)), rng.random((50, 1)))
    assert found.budget().text() == "2 more seeds at least, to speak of the methods"


def test_one_seed_less_is_said_in_the_singular() -> None:
    rng = np.random.default_rng(0)
    assert compare(rng.random((50, 2)), rng.random((50, 2))).budget().text().startswith("1 more seed at least")


def test_no_seed_helps_methods_that_no_seed_changes() -> None:
    rng = np.random.default_rng(0)
    fits = {name: np.repeat((rng.random((300, 1)) < skill) * 1.0, 3, 1) for name, skill in (("a", 0.8), ("b", 0.78))}
    found = compare_all(fits, deterministic=("a", "b")).pair("a", "b")
    assert found.scope == "methods"
    assert re.fullmatch(r"\d+ more images", found.budget().text())


def test_the_budget_is_for_holms_level() -> None:
    """A pair that would be found alone, but not among 45, needs more: it is not told that it has enough."""
    rng = np.random.default_rng(1)
    base = (rng.random((400, 1)) < 0.7) * np.ones((1, 3))
    own = [np.where(rng.random((400, 1)) < 0.1, 1 - base, base) for _ in range(9)]
    scores = {f"m{i}": np.where(rng.random((400, 3)) < 0.03, 1 - one, one) for i, one in enumerate(own)}
    pair = compare_all(scores).pair("m0", "m1")
    assert pair.level == pytest.approx(0.05 / 36)
    promised, alone = pair.budget(0.03), noise_budget(pair.table, 0.03)
    assert promised.more_units > alone.more_units > 0  # type: ignore[operator]


def test_few_groups_can_show_nothing() -> None:
    """Four coins fall one way with 2**-4: no difference between four domains is ever found."""
    rng = np.random.default_rng(0)
    good, bad = ((rng.random((400, 3)) < skill) * 1.0 for skill in (0.9, 0.5))
    pair = compare(good, bad, groups=[i % 4 for i in range(400)])
    assert (pair.verdict, pair.mde) == ("untestable", math.inf)
    found = pair.budget()
    assert found.more_seeds is None
    assert found.text("groups").startswith("no number of seeds suffices with 4 groups")
    assert found.more_units is not None
    assert 0.5 ** (4 + found.more_units) <= 0.05


def test_no_difference_needs_no_budget() -> None:
    same = np.random.default_rng(0).random((50, 3))
    assert "nothing to separate" in compare(same, same).budget().text()
