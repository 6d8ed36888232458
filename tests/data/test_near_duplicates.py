"""Near duplicates: found after what changes pixels and not the picture, and nowhere else."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from made_images import pixels
from made_results import finished
from PIL import Image, ImageEnhance
from scipy.fft import dctn
from sklearn.datasets import load_sample_images
from typer.testing import CliRunner

from bench.cli.app import app
from bench.data.audit.checks import audit, is_clean
from bench.data.audit.examples import look_alikes, shareable
from bench.data.audit.near_duplicates import ALIKE, NEAR, SIDE, Pair, near_links, perceptual_hash, thumbnail
from bench.datasets.image_folder import ImageFolder
from bench.records import Part

BOX = Image.Resampling.BOX


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    """Eight quarters of two photographs."""
    found = []
    for values in load_sample_images().images:
        image = Image.fromarray(values)
        found += [image.crop((x, y, x + 320, y + 213)) for x in (0, 320) for y in (0, 213)]
    return found


def pairs(images: list[Image.Image]) -> list[Pair]:
    return near_links([thumbnail(np.asarray(image)) for image in images])


def test_a_changed_copy_is_near_and_another_picture_is_not(photographs: list[Image.Image], tmp_path: Path) -> None:
    assert pairs(photographs) == []
    for number, original in enumerate(photographs):
        original.save(tmp_path / "low.jpg", quality=20)
        with Image.open(tmp_path / "low.jpg") as low:
            copies = [low.copy(), original.resize((150, 100)), ImageEnhance.Brightness(original).enhance(0.8)]
        for copy in copies:
            (pair,) = pairs([*photographs, copy])
            assert (pair.one, pair.other) == (number, len(photographs))
            assert pair.distance <= NEAR


def test_the_hash_says_which_low_frequencies_are_above_their_median(photographs: list[Image.Image]) -> None:
    small = thumbnail(np.asarray(photographs[0]))
    assert small is not None
    lowest = dctn(small.astype(float), norm="ortho")[:8, :8].ravel()
    bits = "".join("1" if value > np.median(lowest[1:]) else "0" for value in lowest)
    assert perceptual_hash(small) == int(bits, 2)


def test_what_is_too_small_too_flat_or_a_volume_is_not_compared() -> None:
    assert thumbnail(pixels(0, 31, 40)) is None
    assert thumbnail(np.full((64, 64, 3), 7, np.uint8)) is None
    assert thumbnail(pixels(0, 64, 64, 40)) is None
    assert near_links([None, None]) == []
    deep = thumbnail(pixels(0, 64, 64)[..., 0].astype(np.uint16) * 100)
    assert deep is not None
    assert np.abs(deep.astype(int) - thumbnail(pixels(0, 64, 64)[..., 0])).max() <= 2  # type: ignore[operator]


@pytest.fixture
def folder(photographs: list[Image.Image], tmp_path: Path) -> Path:
    """Two classes in given splits; one training image again in the test split, and one again beside itself."""
    for number, image in enumerate(photographs):
        split = ("train", "train", "val", "test")[number % 4]
        place = tmp_path / "own" / split / "ab"[number // 4]
        place.mkdir(parents=True, exist_ok=True)
        image.save(place / f"{number}.png")
    photographs[0].resize((200, 133)).save(tmp_path / "own" / "test" / "a" / "again.png")
    photographs[5].resize((200, 133)).save(tmp_path / "own" / "train" / "b" / "again.png")
    return tmp_path


def test_the_audit_warns_within_and_across_splits(folder: Path) -> None:
    report = audit(ImageFolder(path="own", protocol="split"), folder)
    warnings = [problem for problem in report["problems"] if problem["kind"] == "near_duplicate"]
    assert {problem["status"] for problem in warnings} == {"warning"}
    across, within = warnings
    assert "2 images in 1 sets look alike across splits" in across["detail"]
    assert f"at most {NEAR} of 64 bits" in across["detail"]
    assert across["samples"][0].startswith("test/a/again.png ~ train/a/0.png (")
    assert "within a split" in within["detail"]
    assert [one["splits"]["split"] for one in report["near_duplicates"]].count(["test", "train"]) == 1
    assert is_clean(report)
    asked = ["data", "audit", "image_folder[path=own,protocol=split]", "--data", str(folder)]
    shown = CliRunner().invoke(app, asked)
    assert (shown.exit_code, "4 images in 2 sets look alike" in shown.output) == (0, True)


def test_equal_pixels_are_no_near_duplicates(folder: Path, photographs: list[Image.Image]) -> None:
    photographs[1].save(folder / "own" / "train" / "a" / "same.bmp")
    report = audit(ImageFolder(path="own", protocol="split"), folder)
    assert len(report["near_duplicates"]) == 2
    assert len(report["duplicates"]) == 1


class Restricted(ImageFolder):
    """As image_folder, but somebody else's."""

    own = False
    licence = "research use"


def test_the_report_shows_the_nearest_pairs_of_ones_own_images(folder: Path) -> None:
    report = audit(ImageFolder(path="own", protocol="split"), folder)
    record, _ = finished("digits/pico/knn/quick/seed=0")
    params = ImageFolder(path="own", protocol="split").model_dump()
    own = record.model_copy(update={"dataset": Part(name="image_folder", params=params)})
    written = look_alikes(own, folder, folder / "images", report)
    assert shareable(Restricted.licence) is False
    assert len(written) == 2
    file, text = written[0]
    assert text.endswith("bits apart")
    with Image.open(folder / "images" / file) as image:
        assert image.size == (192, 96)


def drifting(count: int, seed: int, noise: float = 3) -> list[np.ndarray]:
    """Frames of a camera that moves by a third of a pixel: neighbours mostly look alike, those far apart do not."""
    rng = np.random.default_rng(seed)
    view = Image.fromarray(rng.integers(0, 255, (8, 8 + count // 12 + 1), dtype=np.uint8))
    view = view.resize((12 * view.width, SIDE), Image.Resampling.BICUBIC)
    cuts = [view.crop((place, 0, place + 3 * SIDE, SIDE)).resize((SIDE, SIDE), BOX) for place in range(count)]
    frames = [np.asarray(cut) + rng.normal(0, noise, (SIDE, SIDE)) for cut in cuts]
    return [np.clip(frame, 0, 255).astype(np.uint8) for frame in frames]


def sets_of(links: list[Pair], count: int) -> set[frozenset[int]]:
    found = [frozenset([place]) for place in range(count)]
    for link in links:
        joined = found[link.one] | found[link.other]
        for place in joined:
            found[place] = joined
    return {one for one in found if len(one) > 1}


@pytest.mark.parametrize("seed", range(4))
def test_sets_are_those_of_all_pairs_and_links_are_as_few_as_join_them(seed: int) -> None:
    images = [image for part in range(3) for image in drifting(60, 10 * seed + part, noise=10)]
    thumbnails = [thumbnail(image) for image in images]
    hashes = [perceptual_hash(image) for image in thumbnails if image is not None]
    assert len(hashes) == len(images)
    alike = np.corrcoef(np.stack(images).reshape(len(images), -1))
    every = [
        Pair(one, other, distance, float(alike[one, other]))
        for one in range(len(images))
        for other in range(one + 1, len(images))
        if (distance := (hashes[one] ^ hashes[other]).bit_count()) <= NEAR and alike[one, other] >= ALIKE
    ]
    links = near_links(thumbnails)
    expected = sets_of(every, len(images))
    assert sets_of(links, len(images)) == expected
    assert len(links) == sum(len(one) - 1 for one in expected) < len(every)
    known = {(pair.one, pair.other): pair for pair in every}
    assert all(known[link.one, link.other].distance == link.distance for link in links)
    assert [link.distance for link in links] == sorted(link.distance for link in links)


def film(folder: Path, count: int) -> Path:
    """Frames of one film in two splits, two of another in one, and a picture for itself."""
    for number, frame in enumerate([*drifting(1, 0) * count, *drifting(1, 1) * 2, *drifting(1, 2)]):
        split = "test" if number in (0, 7) else "train"
        place = folder / "own" / split / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).normal(0, 1, frame.shape)
        Image.fromarray(np.clip(frame + noise, 0, 255).astype(np.uint8)).save(place / f"{number:03d}.png")
    return folder


def test_a_film_is_one_set_and_the_report_grows_with_its_frames(tmp_path: Path) -> None:
    report = audit(ImageFolder(path="own", protocol="split_without_val"), film(tmp_path, 40))
    assert sorted(len(one["samples"]) for one in report["near_duplicates"]) == [2, 40]
    assert sorted(len(one["links"]) for one in report["near_duplicates"]) == [1, 39]
    across, within = [problem for problem in report["problems"] if problem["kind"] == "near_duplicate"]
    assert "40 images in 1 sets look alike across splits" in across["detail"]
    assert "2 images in 1 sets look alike within a split" in within["detail"]
    assert across["count"] == within["count"] == 1
    one, other = across["samples"][0].rpartition(" (")[0].split(" ~ ")
    assert {one.split("/")[0], other.split("/")[0]} == {"train", "test"}


def test_a_set_holds_all_samples_of_the_same_pixels(folder: Path) -> None:
    shutil.copy(folder / "own" / "train" / "a" / "0.png", folder / "own" / "val" / "a" / "copy.png")
    report = audit(ImageFolder(path="own", protocol="split", accept_leaks=("duplicate",)), folder)
    (one,) = [one for one in report["near_duplicates"] if "test/a/again.png" in one["samples"]]
    assert set(one["samples"]) == {"test/a/again.png", "train/a/0.png", "val/a/copy.png"}
    assert set(one["splits"]["split"]) == {"train", "val", "test"}
    assert len(one["links"]) == 1
