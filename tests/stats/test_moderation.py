"""Moderated variances: drawn towards the mean as far as the methods are alike."""

from __future__ import annotations

import numpy as np
import pytest

from bench.stats.moderation import moderated


def test_alike_methods_lend_and_unlike_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    alike = rng.chisquare(4, (2000, 8)) / 4
    unlike = alike * np.array([100.0, *[1.0] * 7])
    (of_alike, much), (of_unlike, little) = (moderated(one, np.full(8, 4.0)) for one in (alike, unlike))
    assert np.median(much) > 1.3 * np.median(little) > 4
    assert of_alike.std() < 0.7 * alike.std()
    assert of_alike.mean() == pytest.approx(alike.mean())
    assert np.median(of_unlike[:, 0]) > 50


def test_below_five_methods_each_keeps_its_own() -> None:
    own = np.array([1.0, 2.0, 3.0, 4.0])
    values, freedom = moderated(own, np.full(4, 2.0))
    assert values.tolist() == own.tolist()
    assert freedom.tolist() == [2.0] * 4


def test_methods_may_have_different_numbers_of_seeds() -> None:
    own, freedom = np.array([1.0, 1.1, 0.9, 1.0, 1.2]), np.array([2.0, 2.0, 4.0, 4.0, 9.0])
    values, found = moderated(own, freedom)
    assert np.diff(found - freedom) == pytest.approx(0)
    assert (found > freedom).all()
    assert (np.abs(values - own.mean()) <= np.abs(own - own.mean()) + 1e-12).all()
