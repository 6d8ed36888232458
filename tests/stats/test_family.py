"""Holm against statsmodels, letters against scikit-posthocs, rank ranges, and what could not be tested."""

from __future__ import annotations

import numpy as np
import pytest
import scikit_posthocs
from statsmodels.stats.multitest import multipletests

from bench.stats import holm, letters, rank_ranges
from bench.stats.holm import untestable


def shared(found: list[str]) -> np.ndarray:
    """(k, k) whether two methods share a letter."""
    sets = [set(split(text)) for text in found]
    return np.array([[bool(one & other) for other in sets] for one in sets])


def split(text: str) -> list[str]:
    """``ab2c`` -> a, b2, c."""
    parts: list[str] = []
    for sign in text:
        if sign.isdigit():
            parts[-1] += sign
        else:
            parts.append(sign)
    return parts


def symmetric(k: int, chance: float, seed: int) -> np.ndarray:
    upper = np.triu(np.random.default_rng(seed).random((k, k)) < chance, 1)
    return upper | upper.T


@pytest.mark.parametrize("m", [1, 2, 28, 500])
def test_holm_is_statsmodels(m: int) -> None:
    p = np.round(np.random.default_rng(m).random(m) ** 6, 4)  # small ones, some of them equal
    assert holm(p).tolist() == pytest.approx(multipletests(p, method="holm")[1].tolist())


def test_holm_takes_many_families() -> None:
    p = np.random.default_rng(0).random((4, 7))
    assert holm(p) == pytest.approx(np.stack([holm(row) for row in p]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("chance", [0.1, 0.5, 0.9])
def test_letters_are_shared_as_scikit_posthocs_does(chance: float, seed: int) -> None:
    different = symmetric(9, chance, seed)
    p = np.where(different, 0.01, 0.9)
    np.fill_diagonal(p, 1)
    reference = scikit_posthocs.compact_letter_display(p, alpha=0.05)
    theirs = ["".join(sign for sign in text if sign.isalpha()) for text in np.asarray(reference).ravel().tolist()]
    mine = letters(different)
    assert (shared(mine) == shared(theirs)).all()
    assert len({s for text in mine for s in split(text)}) <= len(set("".join(theirs)))


@pytest.mark.parametrize(("k", "chance"), [(1, 0), (2, 1), (60, 0.98), (120, 1.0), (70, 0.4)])
def test_letters_for_any_number_of_methods(k: int, chance: float) -> None:
    different = symmetric(k, chance, 1)
    found = letters(different)
    assert (shared(found) == (~different | np.eye(k, dtype=bool))).all()


def test_the_best_gets_the_first_letter() -> None:
    different = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]], bool)
    assert letters(different, order=[2, 1, 0]) == ["b", "a", "a"]
    assert letters(np.ones((30, 30), bool))[26] == "a2"


def test_rank_ranges() -> None:
    better = np.zeros((4, 4), bool)
    better[0, 2] = better[0, 3] = better[1, 3] = True
    assert rank_ranges(better) == [(1, 2), (1, 3), (2, 4), (3, 4)]


def test_untestable_is_what_no_outcome_could_have_shown() -> None:
    """Of three pairs one is found; a second could reach Holm's next step, a third could not."""
    p, smallest = np.array([0.001, 0.6, 0.7]), np.array([1e-9, 0.02, 0.03])
    assert untestable(p, smallest, 0.05).tolist() == [False, False, True]
    assert untestable(np.array([0.4]), np.array([0.5**5]), 0.05).tolist() == [False]
    assert untestable(np.array([0.4]), np.array([0.5**4]), 0.05).tolist() == [True]
