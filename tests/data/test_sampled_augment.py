"""Augmentations of torchvision: each image from its own seed; larger cached images; mixed pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from bench.cells.cell import Cell
from bench.cells.recipes import Recipe
from bench.core.errors import UsageError
from bench.data.augment.base import check_augment
from bench.data.augment.batches import Preprocess
from bench.data.augment.chance import sample_keys
from bench.data.formats.readers import kept_extent
from bench.engine.run import carry_out
from bench.engine.settings import Settings
from bench.grid.resolve import resolve
from bench.plugins.folders import use_folders
from bench.records import Store
from bench.tables.stale import stale_reason
from bench.tasks.classification import Classification
from bench.training.mixing import mixed

NAMES = ["crop_flip", "randaugment", "trivialaugment", "color"]
KEYS = sample_keys(f"image {number}" for number in range(12))
RAW = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (12, 24, 20, 3), dtype=np.uint8))


def preprocess(augment: str | None, shape: tuple[int, ...] = (3, 16, 16), **options: object) -> Preprocess:
    recipe = Recipe(augment=augment)
    return Preprocess(recipe, (0.0,) * 3, (1.0,) * 3, shape, "bilinear", torch.device("cpu"), False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*NAMES, "randaugment[n=1,m=20]", "color[flip=false,hue=0]"])
@settings(max_examples=10)
@given(order=st.permutations(range(12)), size=st.integers(1, 12), seed=st.integers(0, 99), epoch=st.integers(0, 9))
def test_a_sample_is_the_same_in_every_batch_and_order(
    name: str, order: list[int], size: int, seed: int, epoch: int
) -> None:
    own = preprocess(name)
    whole = own(RAW, own.draws(seed, ("augment", 0, epoch), KEYS))
    state = torch.get_rng_state()
    for begin in range(0, 12, size):
        some = order[begin : begin + size]
        found = own(RAW[some], own.draws(seed, ("augment", 0, epoch), KEYS[some]))
        assert torch.equal(found, whole[some])
    assert torch.equal(torch.get_rng_state(), state)
    other = own(RAW, own.draws(seed, ("augment", 0, epoch + 1), KEYS))
    assert not torch.equal(other, whole)
    assert found.shape[1:] == (3, 16, 16)


@pytest.mark.parametrize("name", NAMES)
def test_samples_get_changes_of_their_own(name: str) -> None:
    """Twelve copies of one image come out in more than six ways."""
    own = preprocess(name)
    copies = RAW[:1].expand(12, -1, -1, -1)
    found = own(copies, own.draws(0, ("augment", 0, 0), KEYS))
    assert len({one.numpy().tobytes() for one in found}) > 6


def test_forbidden_flips_are_left_out() -> None:
    """The bright side stays where it is."""
    raw = torch.zeros(12, 16, 16, 3, dtype=torch.uint8)
    raw[:, :, :6] = 200
    for flips, share in ((("horizontal",), 0), ((), 12)):
        own = preprocess("color[hue=0]", forbidden_flips=flips)
        found = own(raw, own.draws(0, (), KEYS))
        moved = int((found[..., :8].sum((1, 2, 3)) < found[..., 8:].sum((1, 2, 3))).sum())
        assert (moved == 0) if share == 0 else (0 < moved < share)


def test_crops_are_parts_of_the_image_as_large_as_asked() -> None:
    """Of an image whose pixels tell their place, crops show a range as wide as their share of the area."""
    ramp = torch.arange(64, dtype=torch.uint8).mul(4).view(1, 1, 64, 1).expand(12, 64, 64, 3)
    own = preprocess("crop_flip[smallest=0.9]", (3, 64, 64))
    found = own(ramp, own.draws(0, (), KEYS)) * 255 / 4
    widths = (found[:, 0, 32].amax(1) - found[:, 0, 32].amin(1)).numpy()
    assert (widths > 0.75 * 63).all()
    small = preprocess("crop_flip[smallest=0.01]", (3, 64, 64))
    found = small(ramp, small.draws(0, (), KEYS)) * 255 / 4
    widths = (found[:, 0, 32].amax(1) - found[:, 0, 32].amin(1)).numpy()
    assert widths.min() < 0.5 * 63


def test_values_that_are_not_bytes_are_refused() -> None:
    own = preprocess("randaugment")
    with pytest.raises(UsageError, match="uint8"):
        own((RAW / 255).half(), own.draws(0, (), KEYS))


def test_names_are_canonical_and_unknown_ones_refused() -> None:
    cell = 'digits/pico/linear_probe/quick[augment="randaugment[n=2,m=5]"]/seed=0'
    assert 'augment="randaugment[m=5]"' in resolve(Cell.parse(cell)).name
    assert "augment=color" in resolve(Cell.parse(cell.replace("randaugment[n=2,m=5]", "color[hue=0.1]"))).name
    with pytest.raises(UsageError, match="randaugment"):
        resolve(Cell.parse(cell.replace("randaugment[n=2,m=5]", "randaugmnt")))
    with pytest.raises(UsageError, match="no parameter 'k'"):
        resolve(Cell.parse(cell.replace("[n=2,m=5]", "[k=2]")))


def test_larger_cached_images_are_shown_whole_where_nothing_crops() -> None:
    recipe = Recipe(resize_to=20)
    assert kept_extent((3, 16, 16), recipe) == (20, 20)
    assert kept_extent((3, 8, 16), recipe) == (20, 40)
    assert kept_extent((3, 16, 16), Recipe()) == (16, 16)
    for shape in ((3, 20, 20), (3, 4, 16, 16)):
        with pytest.raises(UsageError, match="resize_to"):
            kept_extent(shape, recipe)
    flat = torch.full((1, 20, 20, 3), 51, dtype=torch.uint8)
    flat[:, :10] = 204
    found = preprocess(None)(flat)
    assert found.shape == (1, 3, 16, 16)
    torch.testing.assert_close(found.mean(), torch.tensor(0.5), atol=1e-3, rtol=0)


@pytest.mark.parametrize("which", ["mixup", "cutmix"])
def test_a_batch_is_mixed_with_itself(which: str) -> None:
    """Constant inputs of value i: what each has of the others is read off, and the soft targets say the same."""
    count, side = 6, 12
    inputs = torch.arange(count).float().view(-1, 1, 1, 1).expand(count, 1, side, side)
    targets = Classification().soft(torch.arange(count), count)
    recipe = Recipe(**{which: 1.0})
    for seed in range(20):
        found, soft = mixed(inputs, targets, recipe, np.random.default_rng(seed))
        torch.testing.assert_close(soft.sum(1), torch.ones(count))
        torch.testing.assert_close(found.mean((1, 2, 3)), soft @ torch.arange(count).float())
        if which == "cutmix":
            assert set(found.unique().tolist()) <= set(range(count))
    assert not torch.equal(soft, targets)


def test_soft_targets_are_a_weighted_loss() -> None:
    logits, one, two = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1]), torch.tensor([1, 1, 0, 2, 2])
    task, recipe = Classification(), Recipe(label_smoothing=0.1)
    soft = 0.3 * task.soft(one, 3) + 0.7 * task.soft(two, 3)
    parts = [cross_entropy(logits, targets, label_smoothing=0.1) for targets in (one, two)]
    torch.testing.assert_close(task.loss(logits, soft, recipe), 0.3 * parts[0] + 0.7 * parts[1])


@pytest.mark.parametrize(
    ("dataset", "recipe", "words"),
    [
        ("digits[shots=2]", "quick[mixup=0.2,class_weight=balanced]", "class_weight"),
        ("digits_scene[protocol=tiny]", "quick[mixup=0.2]", "does not mix"),
        ("digits[shots=2]", "quick[resize_to=32]", "resize_to"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(tmp_path: Path, dataset: str, recipe: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        carry_out([f"{dataset}/pico[size=32]/linear_probe/{recipe}/seed=0"], Settings(tmp_path / "runs", quiet=True))


@pytest.mark.parametrize("method", ["lathadapter", "meta_adapter", "hegraph"])
def test_a_loss_that_reads_class_numbers_is_not_given_mixed_samples(method: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{method} does not mix"):
        carry_out([f"digits[shots=2]/pico/{method}/quick[mixup=0.2]/seed=0"], Settings(tmp_path / "runs", quiet=True))


def test_cells_train_with_all_of_it(tmp_path: Path) -> None:
    """Heads fuse or not, to the same digits; mixing and cropping change them."""
    cells = [
        f"digits[shots=5]/pico[size=32]/linear_probe/quick[resize_to=40,augment={augment},{more}]/seed={seed},data_seed=0"
        for augment, more in (
            ("crop_flip", "mixup=0.2"),
            ("randaugment", "cutmix=1.0"),
            ("color", "lr=0.003"),
        )
        for seed in (1, 2)
    ]
    scores = []
    for fuse in (True, False):
        results = tmp_path / str(fuse)
        done = carry_out(cells, Settings(results, quiet=True, fuse=fuse, device="cpu"))
        assert not done.failed
        records = [Store(results).get(cell) for cell in done.cells]
        scores.append([record.stages[0].curves["train_loss"] for record in records if record])
        assert "augmentation" not in records[0].fingerprints  # type: ignore[union-attr]
    assert scores[0] == scores[1]
    assert len({tuple(curve) for curve in scores[0]}) == len(cells)


OWN = '''
"""Gray."""

from bench.data.augment.base import Augmentation


class Gray(Augmentation):
    """Everything at half."""

    def touched(self, batch, chance, near_black):
        return batch.mul_(0.5)
'''


def test_ones_own_augmentation_makes_a_record_stale_when_it_changes(plugin_folder: Path, tmp_path: Path) -> None:
    file = plugin_folder / "gray.py"
    file.write_text(OWN)
    use_folders([plugin_folder])
    cell = "digits[shots=2]/pico[size=32]/linear_probe/quick[epochs=1,augment=gray]/seed=0"
    assert not carry_out([cell], Settings(tmp_path, quiet=True, plugins=(plugin_folder,))).failed
    record = Store(tmp_path).get(cell)
    assert record is not None
    assert len(record.fingerprints["augmentation"]) == 64
    assert stale_reason(record) == ""
    assert carry_out([cell], Settings(tmp_path, quiet=True)).ran == 0
    file.write_text(OWN.replace("0.5", "0.25"))
    assert carry_out([cell], Settings(tmp_path, quiet=True)).ran == 1


def test_what_fits_is_taken() -> None:
    for name in NAMES:
        check_augment(Recipe(augment=name), (3, 8, 8), ("horizontal",), "table")
