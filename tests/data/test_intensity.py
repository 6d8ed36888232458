"""Deep images become bytes by the set's rule: never by an image's own maximum, never silently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cached import cached
from PIL import Image

from bench.cells.notation import Spec
from bench.core.errors import DataError, UsageError
from bench.data.audit.checks import audit, is_clean
from bench.data.formats.intensity import suggested, to_bytes
from bench.data.prepare import Prepared, prepare
from bench.datasets.image_folder import ImageFolder

DEEP = np.linspace(0, 4000, 100).reshape(10, 10).astype(np.uint16)
DARK = np.linspace(0, 200, 100).reshape(10, 10).astype(np.uint16)  # no value above 255


def folders(root: Path, *values: np.ndarray, suffix: str = "tif") -> None:
    """Ten images, the given ones in turn, each with one value of its own so that no two files are equal."""
    for number in range(10):
        image = values[number % len(values)].copy()
        image[0, 0] = number * (image.max() / 20)
        place = root / "own" / f"c{number % 2}" / f"{number}.{suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place)


def own(root: Path, intensity: str = "") -> Prepared:
    return prepare(ImageFolder(path="own", intensity=intensity), root, 0)


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_a_dark_frame_is_scaled_as_the_others(root: Path, suffix: str) -> None:
    folders(root, DEEP, DARK, suffix=suffix)
    prepared = own(root, "window[0,4095]")
    array = cached(prepared, 20)
    for row, path in enumerate(prepared.table["path"]):
        stored = np.asarray(Image.open(root / "own" / path)).astype(float)
        assert np.array_equal(array[row, ..., 0], np.rint(stored * 255 / 4095))
        assert (array[row] == array[row, ..., :1]).all()
    assert {int(image[1:].max()) for image in array} == {12, 249}


def test_float_images_between_0_and_1_keep_their_shades(root: Path) -> None:
    ramp = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    folders(root, ramp)
    array = cached(own(root, "window[0,1]"), 20)
    assert np.array_equal(array[0, 1:, :, 0], np.rint(ramp[1:] * 255))
    assert len(np.unique(array[0])) > 90


def test_the_full_range_is_that_of_the_type(root: Path) -> None:
    folders(root, np.array([[0, 257], [32896, 65535]], dtype=np.uint16))
    assert cached(own(root, "full"), 20)[0, 1, :, 0].tolist() == [128, 255]
    assert to_bytes(np.array([-32768, 0, 32767], dtype=np.int16), "full", "a").tolist() == [0, 128, 255]
    with pytest.raises(DataError, match="have no full range"):
        to_bytes(np.zeros(3, dtype=np.float32), "full", "a")


def test_values_outside_the_window_are_clipped() -> None:
    values = np.array([-1000.0, -100, 150, 400, 900])
    assert to_bytes(values, "window[-100,400]", "a").tolist() == [0, 0, 128, 255, 255]


def test_bytes_are_left_alone() -> None:
    values = np.arange(256, dtype=np.uint8)
    assert to_bytes(values, "window[0,4095]", "a") is values


def test_without_a_rule_the_message_names_it(root: Path) -> None:
    folders(root, DEEP)
    with pytest.raises(DataError, match=r"holds uint16 values \(0 to 4000\), not bytes. Set intensity to the window"):
        cached(own(root), 20)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_named(root: Path, broken: float) -> None:
    ramp = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    folders(root, ramp)
    ramp[5, 5] = broken
    Image.fromarray(ramp).save(root / "own" / "c1" / "1.tif")
    with pytest.raises(DataError, match=r"1\.tif holds 1 of 100 values that are not finite numbers"):
        cached(own(root, "window[0,1]"), 20)
    found = {one["kind"]: one for one in audit(ImageFolder(path="own"), root)["problems"]}
    assert found["unreadable"]["samples"] == ("c1/1.tif",)
    assert 'set intensity="window[0,1]"' in found["intensity"]["detail"]
    assert found["intensity"]["count"] == 9


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("max", "no intensity rule 'max'; write one such as full, window"),
        ("window[5]", "no intensity rule"),
        ("window[9,9]", "is empty"),
        ("window[9,-9]", "is empty"),
    ],
)
def test_a_rule_that_is_none_is_refused(rule: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ImageFolder.build("image_folder", {"path": "own", "intensity": rule})


def test_the_rule_is_part_of_the_name_the_identity_and_the_cache(root: Path) -> None:
    folders(root, DEEP)
    one, other = own(root, "window[0,4095]"), own(root, "full")
    assert one.identity != other.identity
    assert one.content != other.content
    assert not np.array_equal(cached(one, 20), cached(other, 20))
    text = str(Spec("image_folder", one.dataset.changed()))
    spec = Spec.parse(text)
    assert ImageFolder.build(spec.name, spec.params) == one.dataset


def test_the_audit_suggests_the_window_of_the_whole_set(root: Path) -> None:
    folders(root, DARK, DEEP)
    report = audit(ImageFolder(path="own"), root)
    (found,) = [problem for problem in report["problems"] if problem["kind"] == "intensity"]
    assert found["status"] == "undeclared"
    assert found["count"] == 10
    assert 'uint16 values from 0 to 4000 need an intensity rule: set intensity="window[0,4095]"' in found["detail"]
    assert not is_clean(report)
    declared = audit(ImageFolder(path="own", intensity="window[0,4095]"), root)
    assert is_clean(declared)
    assert [problem["status"] for problem in declared["problems"] if problem["kind"] == "intensity"] == ["note"]


@pytest.mark.parametrize(
    ("kind", "low", "high", "rule"),
    [
        ("uint16", 0, 1000, "window[0,1023]"),
        ("uint16", 3, 4096, "window[0,8191]"),
        ("uint16", 0, 77, "window[0,255]"),
        ("int16", -1024, 3071, "window[-1024,3071]"),
        ("float32", 0.01, 0.93, "window[0,1]"),
        ("float32", -2.5, 12, "window[-2.5,12]"),
        ("float32", -3, -3, "window[-3,-2]"),
    ],
)
def test_suggested_windows_are_valid_and_hold_the_values(kind: str, low: float, high: float, rule: str) -> None:
    assert suggested(np.dtype(kind), low, high) == rule
    ImageFolder.build("image_folder", {"path": "own", "intensity": rule})
