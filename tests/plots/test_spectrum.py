"""Singular values of weights and updates."""

from __future__ import annotations

import numpy as np
import pytest

from bench.plots.spectrum import spectra


def test_a_low_rank_update_of_a_full_rank_weight_is_seen() -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(12, 8))
    update = rng.normal(size=(12, 2)) @ rng.normal(size=(2, 8))
    (found,) = spectra({"qkv": weight, "bias": np.ones(12)}, {"qkv": weight + update, "bias": np.zeros(12)})
    np.testing.assert_allclose(found.weight, np.sqrt(np.linalg.eigvalsh(weight.T @ weight)[::-1]))
    assert found.update is not None
    assert (found.update[2:] < 1e-9).all()
    assert found.rank_for(0.999999) == 2
    assert found.rank_for(0.999999, of="weight") > 2


def test_filters_are_matrices_and_unchanged_weights_have_no_update() -> None:
    filters = np.random.default_rng(0).normal(size=(4, 3, 3, 3))
    (found,) = spectra({"conv": filters}, {"conv": filters})
    assert len(found.weight) == 4
    assert found.rank_for(0.9) == 0
    np.testing.assert_allclose((found.weight**2).sum(), (filters**2).sum())


def test_a_missing_weight_is_an_error() -> None:
    with pytest.raises(ValueError, match="qkv is not there afterwards"):
        spectra({"qkv": np.eye(3)}, {})
