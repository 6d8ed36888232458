"""The geometry baseline: what it measures of masks and of grey volumes, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.baselines.geometry import Geometry, otsu
from bench.conformance.subjects import SPEC
from bench.methods import FeatureSplit
from bench.tables.metrics import known_trivial_baselines

SHAPE = (12, 10, 14)


def mask(depth: int, height: int, width: int, start: tuple[int, int, int] = (1, 2, 3)) -> np.ndarray:
    """A box of ones, (D, H, W, 1) uint8."""
    volume = np.zeros((*SHAPE, 1), dtype=np.uint8)
    volume[tuple(slice(a, a + n) for a, n in zip(start, (depth, height, width), strict=True))] = 255
    return volume


def measured(volume: np.ndarray, **fields: float) -> np.ndarray:
    """Voxels, and reach along depth, height and width."""
    found = np.exp(Geometry(**fields).measure(volume[None])[0].astype(float))
    return found * np.array([np.prod(SHAPE), *SHAPE]) - 1


def test_a_boxs_volume_and_sides() -> None:
    np.testing.assert_allclose(measured(mask(3, 4, 5)), [60, 3, 4, 5], rtol=1e-4)
    np.testing.assert_allclose(measured(mask(5, 3, 4, (0, 0, 0))), [60, 5, 3, 4], rtol=1e-4)


def test_extents_reach_over_what_is_between() -> None:
    two = np.maximum(mask(1, 1, 1, (0, 0, 0)), mask(1, 1, 1, (11, 9, 13)))
    np.testing.assert_allclose(measured(two), [2, 12, 10, 14], rtol=1e-4)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_volume_of_one_value_has_no_foreground(value: int) -> None:
    assert np.allclose(measured(np.full((*SHAPE, 1), value, dtype=np.uint8)), 0, atol=1e-3)


def test_grey_volumes_are_parted_by_otsus_threshold() -> None:
    rng = np.random.default_rng(0)
    grey = rng.normal(60, 8, (*SHAPE, 1)) + (mask(3, 4, 5) > 0) * 90
    bytes_ = grey.clip(0, 255).astype(np.uint8)
    np.testing.assert_allclose(measured(bytes_), [60, 3, 4, 5], rtol=1e-4)
    assert np.array_equal(measured(bytes_), measured((bytes_ / 255).astype(np.float32)))
    assert np.array_equal(measured(bytes_), measured(np.repeat(bytes_, 3, axis=-1)))


def test_a_given_threshold_sees_through_padding() -> None:
    """What is not black is what was cropped, however bright."""
    padded = mask(6, 7, 8)
    padded[padded > 0] = np.random.default_rng(0).integers(1, 256, 6 * 7 * 8)
    np.testing.assert_allclose(measured(padded, threshold=0.0), [336, 6, 7, 8], rtol=1e-4)
    assert measured(padded, threshold=0.5)[0] == pytest.approx((padded > 127.5).sum(), rel=1e-4)


def test_otsu_is_the_best_of_all_thresholds() -> None:
    rng = np.random.default_rng(1)
    levels = np.concatenate([rng.normal(70, 15, 400), rng.normal(150, 25, 150)]).clip(0, 255).astype(np.uint8)

    def between(level: int) -> float:
        low, high = levels[levels <= level], levels[levels > level]
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2 if len(low) and len(high) else 0.0

    assert otsu(levels) == max(range(256), key=between)


def test_it_learns_a_target_that_follows_from_sizes() -> None:
    """Long boxes against short ones of the same volume: only the extents tell."""
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    volumes = [mask(2, 2, 8, tuple(rng.integers(0, 6, 3))) if y else mask(8, 2, 2, (0, 0, 0)) for y in labels]
    method = Geometry()
    split = FeatureSplit(method.measure(np.stack(volumes)), labels)
    fitted = method.fit(split, None, replace(SPEC, outputs=2))
    assert (fitted.predict(split.x).argmax(1) == labels).mean() == 1.0


def test_it_is_a_floor_that_tables_of_images_do_not_miss() -> None:
    assert Geometry.trivial_baseline == 3
    assert known_trivial_baselines("classification") == ("majority", "knn")
