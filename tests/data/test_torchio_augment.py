"""torchio's random transforms: each sample from its own seed, and no generator changed."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from made_volumes import voxels

from bench.augmentations.torchio import augmented
from bench.core.errors import UsageError
from bench.data.augment.generators import generators_kept
from bench.training.streams import derive

SIDE = 16


def volume(seed: int = 0, shape: tuple[int, ...] = (SIDE, SIDE + 2, SIDE + 4)) -> np.ndarray:
    values = voxels(seed, shape)
    return np.rint(255 * (values - values.min()) / (values.max() - values.min())).astype(np.uint8)


def drawn(sample: str, epoch: int = 0, data_seed: int = 0) -> bytes:
    return augmented(volume(), derive(data_seed, "torchio", epoch, sample)).tobytes()


def test_a_sample_depends_on_seed_epoch_and_id_alone() -> None:
    alone = {name: drawn(name) for name in "abcdef"}
    torch.rand(7)
    np.random.rand(3)
    backwards = {name: drawn(name) for name in reversed("abcdef")}
    assert backwards == alone
    assert len(set(alone.values())) == 6
    assert drawn("a", epoch=1) != alone["a"]
    assert drawn("a", data_seed=1) != alone["a"]


def test_threads_draw_the_same() -> None:
    names = [str(number) for number in range(24)]
    alone = [drawn(name) for name in names]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(drawn, names)) == alone


def test_another_process_draws_the_same() -> None:
    folders = [*sys.path, str(Path(__file__).parent)]
    code = f"import sys; sys.path[:0] = {folders!r}; import hashlib, test_torchio_augment as tests;"
    code += "print(hashlib.sha256(tests.drawn('a')).hexdigest())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(drawn("a")).hexdigest()


def states() -> tuple[bytes, str, object]:
    numbers = np.random.get_state(legacy=False)
    return torch.get_rng_state().numpy().tobytes(), str(numbers), random.getstate()


@pytest.mark.parametrize("draw", [lambda: drawn("a"), lambda: [drawn(name) for name in "abcdefghij"]])
def test_no_generator_is_changed(draw: Callable[[], object]) -> None:
    torch.manual_seed(3)
    before = states()
    draw()
    assert states() == before


def test_generators_come_back_after_an_error() -> None:
    before = states()

    def fail() -> None:
        with generators_kept(5):
            torch.rand(3), np.random.rand(3), random.random()
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert states() == before


def test_torchio_itself_does_change_them() -> None:
    """Why it is wrapped: without the wrapper the same call leaves torch's generator elsewhere."""
    import torchio

    image = torchio.ScalarImage(tensor=torch.rand(1, 6, 6, 6))
    with generators_kept(1):
        before = states()
        torchio.ToCanonical()(image)
        assert states() != before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_no_cuda_generator_is_changed() -> None:
    torch.cuda.manual_seed_all(3)
    before = [torch.cuda.get_rng_state(device) for device in range(torch.cuda.device_count())]
    for number in range(20):
        drawn(str(number))
    after = [torch.cuda.get_rng_state(device) for device in range(torch.cuda.device_count())]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_volumes_stay_volumes_and_do_change() -> None:
    for shape in ((SIDE, 18, 20), (SIDE, 18, 20, 3)):
        given = volume(shape=shape)
        kept = given.copy()
        results = [augmented(given, seed) for seed in range(12)]
        assert all(result.shape == shape and result.dtype == np.uint8 for result in results)
        assert np.array_equal(given, kept)
        changed = sum(not np.array_equal(result, given) for result in results)
        assert changed >= 8


def test_channels_move_together() -> None:
    given = np.repeat(volume()[..., None], 3, axis=3)
    results = [augmented(given, seed) for seed in range(8)]
    # noise differs from channel to channel; what moves does not
    assert all(np.abs(result[..., 0].astype(int) - result[..., 1]).mean() < 20 for result in results)
    assert any(np.array_equal(result[..., 0], result[..., 2]) for result in results)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((8, 8, 8), dtype=np.float32), "takes uint8 volumes"),
        (np.zeros((8, 8), dtype=np.uint8), "takes uint8 volumes"),
        (np.zeros((1, 8, 8), dtype=np.uint8), "two voxels or more"),
    ],
)
def test_what_it_does_not_take(given: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        augmented(given, 0)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    modules = ("bench.data.formats.volumes", "bench.augmentations.torchio", "bench.data.audit.survey")
    heavy = {"torch", "torchio", "nibabel", "SimpleITK"}
    code = f"import {', '.join(modules)}, sys; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
