"""Label maps of photographs that EXIF turns: used where their size or their own entry tells that they lie on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.cells.recipes import Recipe
from bench.core.errors import DataError
from bench.data import Dataset, Official
from bench.data.audit.checks import audit
from bench.data.base import rows_of
from bench.data.formats.readers import target_reader
from bench.data.prepare import Prepared, prepare

HEIGHT, WIDTH = 12, 20
NAMES = tuple(f"{number}.png" for number in range(4))


class Photographs(Dataset):
    """Four photographs with a label map each."""

    task = "segmentation"
    folder = "own"
    classes = ("outside", "inside")
    beside = ("maps/*",)
    protocols = {"all": Official(selection="last")}

    def samples(self, root: Path) -> pd.DataFrame:
        split = ["train", "train", "train", "test"]
        return pd.DataFrame({"id": NAMES, "path": NAMES, "target": [f"maps/{n}" for n in NAMES], "split": split})


def written(root: Path, photograph: int, label_map: int, size: tuple[int, int], upright: bool = False) -> Prepared:
    """Photographs and maps that are bright at the same stored pixels, turned by these EXIF entries.

    Args:
        upright: Maps lie on the photographs as they are seen.
    """
    (root / "own" / "maps").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        pixels = np.random.default_rng(number).integers(0, 90, size, dtype=np.uint8)
        pixels[2:6, 3:9] = 255
        saved(root / "own" / name, pixels, photograph)
        inside = (pixels == 255).astype(np.uint8)
        saved(root / "own" / "maps" / name, np.rot90(inside, -1).copy() if upright else inside, label_map)
    return prepare(Photographs(), root, 0)


def saved(file: Path, pixels: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(file, exif=exif)


def maps_and_photographs(prepared: Prepared) -> list[tuple[np.ndarray, np.ndarray]]:
    pairs = []
    for sample in rows_of(prepared.dataset, prepared.table, prepared.root):
        seen = prepared.dataset.read(sample)[..., 0]
        pairs.append((target_reader(prepared, seen.shape, Recipe()).read(sample), seen))
    return pairs


@pytest.mark.parametrize(
    ("orientation", "size"),
    [*[(one, (HEIGHT, WIDTH)) for one in (2, 3, 4)], *[(one, (WIDTH, WIDTH)) for one in (3, 5, 6, 7, 8)]],
)
def test_a_map_that_may_be_turned_or_not_is_refused(root: Path, orientation: int, size: tuple[int, int]) -> None:
    prepared = written(root, orientation, 1, size)
    with pytest.raises(DataError, match=rf"0\.png .*EXIF orientation {orientation}"):
        maps_and_photographs(prepared)
    told = [one for one in audit(Photographs(), root)["problems"] if one["kind"] == "annotation"]
    assert sorted(one["samples"][0] for one in told) == list(NAMES)
    assert {one["status"] for one in told} == {"undeclared"}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (WIDTH, WIDTH)])
def test_a_map_that_is_turned_alike_follows(root: Path, orientation: int, size: tuple[int, int]) -> None:
    for labels, seen in maps_and_photographs(written(root, orientation, orientation, size)):
        assert np.array_equal(labels == 1, seen == 255)


def test_a_map_of_the_upright_size_stays(root: Path) -> None:
    for labels, seen in maps_and_photographs(written(root, 6, 1, (HEIGHT, WIDTH), upright=True)):
        assert np.array_equal(labels == 1, seen == 255)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_map_of_the_stored_size_is_refused(root: Path, orientation: int) -> None:
    prepared = written(root, orientation, 1, (HEIGHT, WIDTH))
    with pytest.raises(DataError, match=r"0\.png .*EXIF"):
        maps_and_photographs(prepared)
