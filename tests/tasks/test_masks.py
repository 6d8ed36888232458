"""Masks are laid into their boxes as torch would, and records hold fewer bytes that are pasted alike."""

from __future__ import annotations

import bz2

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.tasks.instances import NUMBERS, Instances
from bench.tasks.masks import pasted, shortened

SIDE = 48
SEEDS = st.integers(0, 2**32 - 1)


def blob(rng: np.random.Generator) -> np.ndarray:
    """A soft disc, as heads of masks give: (28, 28) uint8."""
    rows, columns = np.mgrid[:28, :28] - rng.uniform(8, 20, (2, 1, 1))
    distance = np.hypot(rows, columns * rng.uniform(0.7, 1.4)) - rng.uniform(4, 12)
    noisy = distance + rng.normal(scale=rng.choice([0, 0.3, 3]), size=distance.shape)
    return np.round(255 / (1 + np.exp(noisy))).astype(np.uint8)


def box_of(rng: np.random.Generator) -> np.ndarray:
    corner, size = rng.uniform(-0.05, 0.9, 2), rng.uniform(0.001, 0.6, 2)
    return np.array([*corner, *(corner + size)], dtype=np.float32)


def test_pasting_reads_the_mask_at_the_pixels_of_its_box() -> None:
    generator = torch.Generator().manual_seed(0)
    mask = (torch.rand(28, 28, generator=generator) * 255).round().byte()
    left, top, right, bottom = 4.3, 6.1, 30.7, 40.2
    columns = ((torch.arange(SIDE) + 0.5 - left) / (right - left) * 2 - 1).double()
    rows = ((torch.arange(SIDE) + 0.5 - top) / (bottom - top) * 2 - 1).double()
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], dim=-1)
    read = torch.nn.functional.grid_sample(
        mask.double()[None, None], grid[None], padding_mode="border", align_corners=False
    )[0, 0]
    inside = (grid.abs() <= 1).all(-1)
    box = np.array([left, top, right, bottom]) / SIDE
    assert np.array_equal(pasted(mask.numpy(), box, (SIDE, SIDE)), ((read > 127.5) & inside).numpy())


@given(SEEDS)
def test_a_shortened_mask_is_pasted_bit_for_bit_and_stays_what_it_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask, box, size = blob(rng), box_of(rng), (SIDE, 2 * SIDE)
    few = shortened(mask, box, size)
    assert (few.dtype, few.shape) == (mask.dtype, mask.shape)
    assert np.array_equal(pasted(few, box, size), pasted(mask, box, size))
    assert np.array_equal(shortened(few, box, size), few)


@given(SEEDS)
def test_a_mask_of_pure_noise_is_pasted_alike_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask, box = rng.integers(0, 256, (28, 28), dtype=np.uint8), box_of(rng)
    assert np.array_equal(
        pasted(shortened(mask, box, (SIDE, SIDE)), box, (SIDE, SIDE)), pasted(mask, box, (SIDE, SIDE))
    )


def test_a_record_judges_as_the_outputs_do_in_a_third_of_the_bytes() -> None:
    pytest.importorskip("faster_coco_eval")
    rng = np.random.default_rng(0)
    targets = np.zeros((3, SIDE, SIDE), np.int32)
    targets[:, 4:20, 5:25], targets[:, 30:44, 20:40] = NUMBERS, NUMBERS + 1
    outputs = {
        "boxes": np.stack([[box_of(rng) for _ in range(20)] for _ in targets]),
        "scores": rng.random((3, 20), dtype=np.float32),
        "classes": np.where(rng.random((3, 20)) < 0.8, 0, -1).astype(np.int16),
        "masks": np.stack([[blob(rng) for _ in range(20)] for _ in targets]),
    }
    outputs["boxes"][:, :2] = np.array([[5, 4, 25, 20], [20, 30, 40, 44]], np.float32) / SIDE
    outputs["masks"][:, :2], outputs["classes"][:, :2] = 255, 0
    task = Instances()
    stored = task.arrays(targets, outputs)
    assert task.evaluate(targets, stored) == task.evaluate(targets, outputs)
    assert task.evaluate(targets, stored)["ap50"] > 0
    for metric in ("ap", "ap50"):
        ours, theirs = (task.item_scores(targets, which, metric) for which in (stored, outputs))
        assert np.array_equal(ours, theirs)
    few, many = (len(bz2.compress(which["masks"].tobytes())) for which in (stored, outputs))
    assert few < many / 3
