"""Near duplicates: found after what changes pixels and not the picture, and nowhere else."""

from __future__ import annotations

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
from bench.data.audit import audit, is_clean
from bench.data.examples import look_alikes, pairs_of
from bench.data.near import NEAR, Pair, near_pairs, perceptual_hash, thumbnail
from bench.datasets.image_folder import ImageFolder
from bench.records import Part


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    """Eight quarters of two photographs."""
    found = []
    for values in load_sample_images().images:
        image = Image.fromarray(values)
        found += [image.crop((x, y, x + 320, y + 213)) for x in (0, 320) for y in (0, 213)]
    return found


def pairs(images: list[Image.Image]) -> list[Pair]:
    return list(near_pairs([thumbnail(np.asarray(image)) for image in images]))


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
    assert list(near_pairs([None, None])) == []
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
    assert "across splits" in across["detail"]
    assert f"at most {NEAR} of 64 bits" in across["detail"]
    assert across["samples"][0].startswith("test/a/again.png ~ train/a/0.png (")
    assert "within a split" in within["detail"]
    assert [one["splits"]["split"] for one in report["near_duplicates"]].count(["test", "train"]) == 1
    assert is_clean(report)
    asked = ["data", "audit", "image_folder[path=own,protocol=split]", "--data", str(folder)]
    shown = CliRunner().invoke(app, asked)
    assert (shown.exit_code, "2 pairs look alike" in shown.output) == (0, True)


def test_equal_pixels_are_no_near_duplicates(folder: Path, photographs: list[Image.Image]) -> None:
    photographs[1].save(folder / "own" / "train" / "a" / "same.bmp")
    report = audit(ImageFolder(path="own", protocol="split"), folder)
    assert len(report["near_duplicates"]) == 2
    assert len(report["duplicates"]) == 1


class Free(ImageFolder):
    """As image_folder, under a licence that lets images be passed on."""

    licence = "CC0"


def test_the_report_shows_the_nearest_pairs_where_the_licence_lets_it(folder: Path) -> None:
    report = audit(ImageFolder(path="own", protocol="split"), folder)
    record, _ = finished("digits/pico/knn/quick/seed=0")
    own = record.model_copy(
        update={"dataset": Part(name="image_folder", params=ImageFolder(path="own", protocol="split").model_dump())}
    )
    assert look_alikes(own, folder, folder / "images", report) == []
    written = pairs_of(Free(path="own", protocol="split"), folder, folder / "images", report)
    assert len(written) == 2
    file, text = written[0]
    assert text.endswith("bits apart")
    with Image.open(folder / "images" / file) as image:
        assert image.size == (192, 96)
