"""Augmentation: per sample, seeded by the caller, and the released code's defect only where it is asked for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.cells.notation import Spec
from bench.cells.recipes import Recipe, preset, resolve
from bench.core.errors import UsageError
from bench.data.augment import BrightnessContrast, Preprocess

SIZE = 16


def preprocess(recipe: Recipe, size: int = SIZE) -> Preprocess:
    cpu = torch.device("cpu")
    return Preprocess(recipe, (0.0,) * 3, (1.0,) * 3, size, "bilinear", cpu, channels_last=False)


def bright(count: int) -> Tensor:
    """Images (count, S, S, 3), uint8, no pixel dark."""
    return torch.randint(
        100, 256, (count, SIZE, SIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def peaks(recipe: Recipe) -> Tensor:
    """The largest value of each of 400 augmented images."""
    torch.manual_seed(0)
    return preprocess(recipe).augmented(bright(400)).flatten(1).amax(1)


def test_the_defect_blackens_about_half_of_all_images_and_is_off_by_default() -> None:
    near_black = resolve(Spec("released", {"near_black": True}))
    share = (peaks(near_black) <= 1 / 255 + 1e-6).float().mean().item()
    assert 0.43 < share < 0.57
    assert not preset("released").near_black
    assert not preset("paper").near_black
    for name in ("released", "paper"):
        assert peaks(preset(name)).min() > 0.3


def test_the_defect_clips_as_the_released_code_does() -> None:
    """In 0..255 an image * (1 + a) + b with |b| <= 0.1 was clipped to 0..1: black stays black, the rest becomes 1."""
    torch.manual_seed(0)
    images = torch.tensor([0.0, 10.0, 200.0]).div(255).view(1, 1, 1, 3).repeat(50, 3, 1, 1)
    changed = BrightnessContrast(p=1.0, near_black=True)(images) * 255
    assert changed[..., 0].max() <= 0.1 + 1e-6
    torch.testing.assert_close(changed[..., 1:], torch.ones(50, 3, 1, 2))


def test_brightness_and_contrast_are_within_their_limits() -> None:
    torch.manual_seed(0)
    changed = BrightnessContrast(p=1.0)(torch.full((500, 3, 2, 2), 0.5))
    low, high = changed.min().item(), changed.max().item()
    assert 0.35 <= low < 0.37
    assert 0.63 < high <= 0.65
    assert len(changed.flatten(1).unique(dim=0)) > 400  # each image its own
    assert (changed.flatten(1).std(1) == 0).all()


def test_flips_are_drawn_for_each_image_and_repeat_with_the_seed() -> None:
    images, recipe = bright(64), Recipe(augment="flip")
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(preprocess(recipe).augmented(images))
    plain = preprocess(recipe).to_float(images)
    flipped = (drawn[0] == plain.flip(-1)).flatten(1).all(1)
    kept = (drawn[0] == plain).flatten(1).all(1)
    assert (flipped ^ kept).all()
    assert 16 < flipped.sum() < 48
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_evaluation_images_are_not_augmented_and_are_normalised() -> None:
    cpu = torch.device("cpu")
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    own = Preprocess(preset("paper"), mean, std, SIZE, "bilinear", cpu, channels_last=True)
    images = bright(2)
    expected = (images.permute(0, 3, 1, 2) / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    found = own(images, augment=False)
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_small_images_are_enlarged_to_the_backbones_size() -> None:
    found = preprocess(preset("quick"), size=40).to_float(bright(3))
    assert found.shape == (3, 3, 40, 40)
    assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("quick", {"near_black": True}, "near_black is a defect of augment=released"),
        ("paper", {"near_black": True, "augment": "flip"}, "near_black"),
        ("quick", {"views": 3}, "set augment"),
    ],
)
def test_fields_without_effect_are_refused(name: str, params: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve(Spec(name, params))
