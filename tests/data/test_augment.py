"""Augmentation: the released one as it is defined, the same for a sample in whatever batch it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform
from torch import Tensor

from bench.augmentations.released import COLUMNS
from bench.cells.notation import Spec
from bench.cells.recipes import Recipe
from bench.core.errors import UsageError
from bench.data.augment.base import canonical, check_augment
from bench.data.augment.batches import IGNORED, Preprocess
from bench.data.augment.chance import sample_keys
from bench.plugins.recipe_files import preset, resolve

SIZE = 16
CPU = torch.device("cpu")
RELEASED = Recipe(augment="released")
NEUTRAL = dict.fromkeys(COLUMNS, 0.5) | {"affine": 0.9}  # no flip, no intensity, no warp
KEYS = sample_keys(f"s{number}" for number in range(4000))


def preprocess(recipe: Recipe, shape: tuple[int, ...] = (3, SIZE, SIZE), **options: Any) -> Preprocess:
    interpolation = options.pop("interpolation", "bilinear")
    return Preprocess(recipe, (0.0,) * 3, (1.0,) * 3, shape, interpolation, CPU, False, **options)


def images(count: int, height: int = SIZE, width: int = SIZE, low: int = 0) -> Tensor:
    """Images (count, H, W, 3), uint8."""
    seeded = torch.Generator().manual_seed(0)
    return torch.randint(low, 256, (count, height, width, 3), dtype=torch.uint8, generator=seeded)


def volumes(count: int, extent: tuple[int, int, int]) -> Tensor:
    return torch.randint(0, 256, (count, *extent), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def row(**changed: float) -> np.ndarray:
    """One row of draws in which nothing happens but what is named."""
    return np.array([[{**NEUTRAL, **changed}[name] for name in COLUMNS]])


def plain(raw: Tensor, shape: tuple[int, ...] = (3, SIZE, SIZE)) -> np.ndarray:
    return preprocess(Recipe(), shape).augmented(raw, None).numpy()


def defined_warp(image: np.ndarray, angle: float, scale: float, shift: tuple[float, ...], order: int) -> np.ndarray:
    """Scale, turn in the last plane and shift around the centre, by scipy; angle in radians, counter-clockwise.

    Args:
        image: ([D,] H, W).
        shift: Pixels along (..., y, x).
    """
    axes = image.ndim
    turn = np.eye(axes)
    c, s = np.cos(angle), np.sin(angle)
    # In (y, x) with y down, what lies right of the centre goes up: (0, 1) -> (-s, c).
    turn[-2:, -2:] = [[c, -s], [s, c]]
    inverse = np.linalg.inv(scale * turn)
    centre = (np.array(image.shape) - 1) / 2
    offset = centre - inverse @ (centre + np.array(shift))
    return affine_transform(image.astype(np.float64), inverse, offset, order=order, mode="grid-constant", cval=0.0)


CASES = [
    {"angle": 0.62, "scale": 0.5, "shift_x": 0.5, "shift_y": 0.5},
    {"angle": 0.5, "scale": 0.9, "shift_x": 0.5, "shift_y": 0.5},
    {"angle": 0.5, "scale": 0.5, "shift_x": 0.95, "shift_y": 0.2},
    {"angle": 0.13, "scale": 0.1, "shift_x": 0.1, "shift_y": 0.8},
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (12, 20)])
def test_the_warp_is_the_defined_one(case: dict[str, float], height: int, width: int) -> None:
    """A turn of +-180 degrees, scale 1 +- .3, shift of +-.05 of each side, black border: against scipy."""
    raw, shape = images(1, height, width), (3, height, width)
    found = preprocess(RELEASED, shape).augmented(raw, row(affine=0.1, **case)).numpy()[0]
    angle, scale = (2 * case["angle"] - 1) * np.pi, 1 + 0.3 * (2 * case["scale"] - 1)
    shift = (0.05 * (2 * case["shift_y"] - 1) * height, 0.05 * (2 * case["shift_x"] - 1) * width)
    for channel, result in zip(plain(raw, shape)[0], found, strict=True):
        np.testing.assert_allclose(result, defined_warp(channel, angle, scale, shift, order=1), atol=2e-4)


@pytest.mark.parametrize("case", CASES)
def test_volumes_are_turned_in_plane_and_scaled_and_shifted_along_all_axes(case: dict[str, float]) -> None:
    extent = (6, 10, 14)
    raw = volumes(1, extent)
    found = preprocess(RELEASED, (3, *extent)).augmented(raw, row(affine=0.1, shift_z=0.9, **case)).numpy()[0]
    angle, scale = (2 * case["angle"] - 1) * np.pi, 1 + 0.3 * (2 * case["scale"] - 1)
    spread = [0.9, case["shift_y"], case["shift_x"]]
    shift = tuple(0.05 * (2 * u - 1) * length for u, length in zip(spread, extent, strict=True))
    expected = defined_warp(raw[0].numpy() / 255, angle, scale, shift, order=1)
    for channel in found:
        np.testing.assert_allclose(channel, expected, atol=2e-4)


def test_a_quarter_turn_is_counter_clockwise() -> None:
    raw = images(1)
    found = preprocess(RELEASED).augmented(raw, row(affine=0.1, angle=0.75)).numpy()[0]
    np.testing.assert_allclose(found, np.rot90(plain(raw)[0], 1, axes=(1, 2)), atol=1e-5)


@pytest.mark.parametrize(("name", "axis"), [("horizontal", -1), ("vertical", -2), ("depth", -3)])
def test_flips_mirror_their_axis_exactly_and_only_below_one_half(name: str, axis: int) -> None:
    raw, extent = volumes(1, (4, 6, 8)), (4, 6, 8)
    own = preprocess(RELEASED, (3, *extent))
    assert np.array_equal(own.augmented(raw, row(**{name: 0.499})).numpy(), np.flip(plain(raw, (3, *extent)), axis))
    assert np.array_equal(own.augmented(raw, row(**{name: 0.5})).numpy(), plain(raw, (3, *extent)))


@pytest.mark.parametrize("name", ["horizontal", "vertical", "depth"])
def test_forbidden_flips_never_happen(name: str) -> None:
    raw, extent = volumes(1, (4, 6, 8)), (4, 6, 8)
    own = preprocess(RELEASED, (3, *extent), forbidden_flips=(name,))
    assert np.array_equal(own.augmented(raw, row(**{name: 0.1})).numpy(), plain(raw, (3, *extent)))
    for other in {"horizontal", "vertical", "depth"} - {name}:
        assert not np.array_equal(own.augmented(raw, row(**{other: 0.1})).numpy(), plain(raw, (3, *extent)))


def test_intensity_is_the_defined_change() -> None:
    """x (1 + a) + b, a and b in +-.1, clipped to 0..1, with probability one half."""
    raw, own = images(1), preprocess(RELEASED)
    expected = np.clip(plain(raw) * (1 + 0.1 * 0.6) + 0.1 * -0.4, 0, 1)
    np.testing.assert_allclose(
        own.augmented(raw, row(intensity=0.1, contrast=0.8, brightness=0.3)), expected, atol=1e-6
    )
    assert np.array_equal(own.augmented(raw, row(contrast=0.8, brightness=0.3)).numpy(), plain(raw))


def test_the_defect_clips_as_the_released_code_does() -> None:
    """In 0..255 an image * (1 + a) + b with |b| <= 0.1 was clipped to 0..1: black stays black, the rest becomes 1."""
    raw = torch.tensor([0, 10, 200, 255], dtype=torch.uint8).view(1, 1, 4, 1).repeat(1, 4, 1, 3)
    own = preprocess(Recipe(augment="released", near_black=True), (3, 4, 4))
    for brightness in (0.0, 0.7, 0.999):
        changed = own.augmented(raw, row(intensity=0.1, contrast=0.2, brightness=brightness)) * 255
        assert changed[..., 0].max() <= 0.1 + 1e-6
        torch.testing.assert_close(changed[..., 1:], torch.ones(1, 3, 4, 3))


def test_the_defect_blackens_about_half_of_all_images_and_is_off_by_default() -> None:
    def peaks(recipe: Recipe) -> np.ndarray:
        own = preprocess(recipe)
        return own.augmented(images(400, low=100), own.draws(0, (0, 0), KEYS[:400])).flatten(1).amax(1).numpy()

    share = (peaks(resolve(Spec("released", {"near_black": True}))) <= 1 / 255 + 1e-6).mean()
    assert 0.43 < share < 0.57
    for name in ("released", "paper"):
        assert not preset(name).near_black
        assert peaks(preset(name)).min() > 0.3


def test_each_happens_as_often_as_it_should_and_within_its_limits() -> None:
    """Shares and ranges of what 4,000 draws do, read off the results and not off the draws."""
    own = preprocess(RELEASED, (3, 9, 9))
    draws = own.draws(0, (0, 0), KEYS)
    assert draws.shape == (4000, len(COLUMNS))
    grey = torch.full((4000, 9, 9, 3), 128, dtype=torch.uint8)
    centre = own.augmented(grey, draws)[:, 0, 4, 4].numpy() - 128 / 255
    assert (centre != 0).mean() == pytest.approx(0.5, abs=0.03)
    limit = 0.1 * 128 / 255 + 0.1
    assert 0.95 * limit < np.abs(centre).max() <= limit + 1e-6
    corner = own.augmented(grey, draws)[:, 0, 0, 0].numpy()
    assert (corner < 0.2).any()  # a black border comes in
    still = own.augmented(images(1, 9, 9).expand(4000, 9, 9, 3), draws)
    untouched = (np.abs(still.numpy() - plain(images(1, 9, 9), (3, 9, 9))).max((1, 2, 3)) == 0).mean()
    assert untouched == pytest.approx(0.5 * 0.5 * 0.5 * 0.3, abs=0.012)  # no flip, no intensity, no warp


def test_a_sample_has_the_same_bits_in_every_batch() -> None:
    """Batch size, order and company do not matter, for images enlarged on the device and for volumes."""
    for raw, shape in ((images(24, 11, 11), (3, 20, 20)), (volumes(24, (5, 9, 9)), (3, 8, 12, 12))):
        own = preprocess(RELEASED, shape)
        draws = own.draws(3, (1, 2), KEYS[:24])
        whole = own(raw, draws)
        order = np.random.default_rng(0).permutation(24)
        assert torch.equal(own(raw[order], own.draws(3, (1, 2), KEYS[:24][order])), whole[order])
        for start, size in ((0, 1), (5, 1), (23, 1), (3, 7)):
            part = slice(start, start + size)
            assert torch.equal(own(raw[part], own.draws(3, (1, 2), KEYS[part])), whole[part])
        assert not torch.equal(own(raw, own.draws(3, (1, 3), KEYS[:24])), whole)


@pytest.mark.parametrize("shape", [(3, 12, 20), (3, 6, 12, 20)])
def test_masks_move_as_their_images(shape: tuple[int, ...]) -> None:
    """The largest of three one-hot channels, moved as an image, is the class of the moved mask."""
    extent = shape[1:]
    classes = np.random.default_rng(0).integers(0, 3, (40, *(2 if len(extent) == 3 else 3, 3, 5)[-len(extent) :]))
    for axis, length in enumerate(extent, start=1):  # blocks of 4 pixels, so that borders are few
        classes = np.repeat(classes, length // classes.shape[axis], axis)
    maps = torch.from_numpy(classes.astype(np.uint8))
    raw = torch.nn.functional.one_hot(maps.long(), 3).mul(255).to(torch.uint8)
    own = preprocess(RELEASED, shape)
    draws = own.draws(0, (0, 0), KEYS[:40])
    draws[:, COLUMNS.index("intensity")] = 0.9
    inputs, moved = own(raw, draws), own.maps(maps, draws)
    assert moved.dtype == torch.int64
    assert torch.equal(inputs, own(raw, draws))
    largest, found = inputs.max(1)
    outside = inputs.sum(1) < 1e-6
    assert (moved[outside] == IGNORED).all()
    assert outside.any()
    sure = largest > 0.75  # at least three quarters come from one class
    assert sure.float().mean() > 0.5
    assert torch.equal(moved[sure], found[sure])


def test_maps_are_not_changed_without_draws_and_enlarged_as_their_inputs() -> None:
    maps = images(2, 5, 5)[..., 0] % 7
    moved = preprocess(RELEASED, (3, 10, 10)).maps(maps)
    assert np.array_equal(moved.numpy(), maps.numpy().repeat(2, 1).repeat(2, 2))


def test_an_image_is_a_volume_of_depth_one() -> None:
    raw = images(30, 9, 11)
    flat, deep = preprocess(RELEASED, (3, 12, 14)), preprocess(RELEASED, (3, 1, 12, 14))
    draws = flat.draws(0, (0, 0), KEYS[:30])
    draws[:, COLUMNS.index("shift_z")] = 0.5  # a slice cannot leave its own depth
    torch.testing.assert_close(deep(raw.unsqueeze(1), draws)[:, :, 0], flat(raw, draws), atol=1e-5, rtol=0)


def test_flip_is_the_horizontal_flip_alone() -> None:
    raw, own = images(200), preprocess(Recipe(augment="flip"))
    draws = own.draws(0, (0, 0), KEYS[:200])
    found = own.augmented(raw, draws).numpy()
    flipped = (found == plain(raw)[..., ::-1]).all((1, 2, 3))
    kept = (found == plain(raw)).all((1, 2, 3))
    assert (flipped ^ kept).all()
    assert 75 < flipped.sum() < 125
    assert np.array_equal(draws[:, 0], preprocess(RELEASED).draws(0, (0, 0), KEYS[:200])[:, 0])


def test_torchio_draws_a_sample_the_same_in_every_batch_and_order() -> None:
    raw, own = volumes(6, (8, 9, 10)), preprocess(Recipe(augment="torchio"), (3, 8, 9, 10))
    draws = own.draws(3, ("augment", 0, 1), KEYS[:6])
    state = torch.get_rng_state()
    together = own(raw, draws)
    assert torch.equal(torch.get_rng_state(), state)
    order = [4, 2, 0, 5, 3, 1]
    assert torch.equal(own(raw[order], draws[order]), together[order])
    for number in range(6):
        one = slice(number, number + 1)
        assert torch.equal(own(raw[one], draws[one]), together[one])
    assert not torch.equal(own(raw, own.draws(3, ("augment", 0, 2), KEYS[:6])), together)
    assert torch.equal(own(raw), preprocess(Recipe(), (3, 8, 9, 10))(raw))


def test_torchio_never_mirrors() -> None:
    """A volume bright on one side stays so, whatever is drawn: no flip is hidden in its transforms."""
    raw = torch.zeros(1, 12, 12, 12, dtype=torch.uint8)
    raw[:, 1:5, 1:5, 1:5] = 200
    own = preprocess(Recipe(augment="torchio"), (3, 12, 12, 12))
    for number in range(40):
        found = own.augmented(raw, own.draws(number, ("augment", 0, 0), KEYS[:1]))[0, 0]
        assert all(low.sum() > high.sum() for low, high in (found.tensor_split(2, dim=axis) for axis in range(3)))


@pytest.mark.parametrize(
    ("augment", "shape", "flips", "target", "message"),
    [
        ("flip", (3, 8, 8), ("horizontal",), "table", "mirrors left and right.*Use augment=none"),
        ("torchio", (3, 8, 8), (), "table", "is for volumes, and the backbone takes images"),
        ("randaugment", (3, 4, 8, 8), (), "table", "is for images, and the backbone takes volumes"),
        ("crop_flip", (3, 8, 8), (), "boxes", "but not the targets"),
        ("torchio", (3, 4, 8, 8), (), "map", "but not the targets.*bench list augmentations"),
    ],
)
def test_augmentations_that_do_not_fit_are_refused(
    augment: str, shape: tuple[int, ...], flips: tuple[str, ...], target: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check_augment(Recipe(augment=augment), shape, flips, target)
    check_augment(Recipe(augment="released"), shape, flips, target)


def test_evaluation_images_are_not_augmented_and_are_normalised() -> None:
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    own = Preprocess(preset("paper"), mean, std, (3, SIZE, SIZE), "bilinear", CPU, channels_last=True)
    raw = images(2)
    expected = (raw.permute(0, 3, 1, 2) / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(own(raw), expected)
    assert own(raw).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [("imagenet", 0.456, 0.224), ("half", 0.5, 0.5), ("none", 0.0, 1.0), ("clip", 0.4578275, 0.26130258)],
)
def test_a_recipe_may_normalise_otherwise_than_the_weights_do(name: str, mean: float, std: float) -> None:
    recipe = Recipe(normalisation=name)  # type: ignore[arg-type]
    changed = Preprocess(
        recipe, (0.1, 0.2, 0.3), (0.2, 0.3, 0.4), (3, SIZE, SIZE), "bilinear", CPU, channels_last=False
    )
    raw = images(2)
    torch.testing.assert_close(changed(raw)[:, 1], (raw[..., 1] / 255 - mean) / std)


def test_single_channel_volumes_are_repeated_and_halves_are_taken_as_they_are() -> None:
    own = Preprocess(Recipe(), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), (3, 4, 6, 8), "bilinear", CPU, channels_last=False)
    raw = volumes(2, (4, 6, 8))
    found = own(raw)
    assert found.shape == (2, 3, 4, 6, 8)
    torch.testing.assert_close(found[:, 1], (raw / 255 - 0.4) / 0.3)
    torch.testing.assert_close(own((raw / 255).half()), found, atol=5e-3, rtol=0)
    assert own.augmented(raw, None).shape == (2, 3, 4, 6, 8)


def test_small_arrays_are_enlarged_to_the_backbones_size() -> None:
    for interpolation in ("bilinear", "bicubic"):
        found = preprocess(preset("quick"), (3, 40, 40), interpolation=interpolation).augmented(images(3), None)
        assert found.shape == (3, 3, 40, 40)
        assert 0 <= found.min() <= found.max() <= 1
    assert preprocess(preset("quick"), (3, 7, 40, 40)).augmented(volumes(1, (5, 9, 9)), None).shape == (1, 3, 7, 40, 40)


def test_without_antialiasing_enlarging_is_bilinear_whatever_the_weights_say() -> None:
    raw = images(1)
    found = preprocess(Recipe(antialias=False), (3, 40, 40), interpolation="bicubic").augmented(raw, None)
    assert torch.equal(found, preprocess(Recipe(), (3, 40, 40)).augmented(raw, None))
    assert not preset("released").antialias


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("quick", {"near_black": True}, "near_black is a defect of an augmentation"),
        ("paper", {"near_black": True, "augment": "flip"}, "near_black"),
        ("quick", {"views": 3}, "set augment"),
    ],
)
def test_fields_without_effect_are_refused(name: str, params: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        canonical(resolve(Spec(name, params)))
