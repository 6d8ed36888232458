"""Readers: images, volumes and label maps as they are cached, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from cached import cached, reader
from made_images import class_folders, picture, pixels
from PIL import Image
from scipy.ndimage import zoom

from bench.cells.recipes import Recipe
from bench.core.errors import DataError, UsageError
from bench.data import Dataset, Official, Sample, Split
from bench.data.augment.batches import Preprocess
from bench.data.decoded import decoded
from bench.data.formats.readers import input_reader, target_reader
from bench.data.prepare import Prepared, prepare
from bench.data.roots import cache_root
from bench.datasets.image_folder import ImageFolder
from bench.plugins.recipe_files import preset

SQUASH = Recipe()


class Scans(Dataset):
    """Six made samples; a test says what each is."""

    task = "classification"
    protocols: ClassVar[dict[str, Split]] = {"given": Official(selection="last", leaks=("duplicate",))}

    made: ClassVar[Callable[[int], np.ndarray]]

    def samples(self, root: Path) -> pd.DataFrame:
        split = ["train"] * 4 + ["test"] * 2
        return pd.DataFrame({"id": list("abcdef"), "label": [0, 1] * 3, "index": range(6), "split": split})

    def read(self, sample: Sample) -> np.ndarray:
        return type(self).made(sample.index)


def scans(root: Path, made: Callable[[int], np.ndarray], **fields: Any) -> Prepared:
    cls = type("Scans", (Scans,), {"made": staticmethod(made), "__module__": __name__, "__doc__": Scans.__doc__})
    return prepare(cls(**fields), root, 0)


def volume(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_volumes_stay_native_unless_they_are_larger(root: Path) -> None:
    prepared = scans(root, lambda n: volume(n, 5, 7, 6))
    for shape in ((3, 5, 7, 6), (3, 8, 16, 16)):
        own = input_reader(prepared, shape, SQUASH, "bilinear")
        array = decoded(prepared, own)
        assert array.shape == (6, 5, 7, 6)
        assert array.dtype == np.uint8
        assert np.array_equal(array[3], volume(3, 5, 7, 6))
    assert input_reader(prepared, (3, 4, 16, 16), SQUASH, "bilinear").shape == (4, 16, 16)


def test_a_larger_volume_is_averaged_and_not_thinned_out(root: Path) -> None:
    """Reducing by whole numbers keeps the mean of a smooth volume; every other slice white gives grey."""
    stripes = np.zeros((16, 8, 8), dtype=np.uint8)
    stripes[::2] = 200
    prepared = scans(root, lambda n: stripes)
    own = input_reader(prepared, (3, 4, 8, 8), SQUASH, "bilinear")
    assert np.abs(own.read(Sample("a", None, 0, root))[1:-1].astype(int) - 100).max() <= 1
    smooth = np.fromfunction(lambda d, h, w: 60 + 3 * d + 2 * h + w, (16, 12, 12)).astype(np.uint8)
    resized = input_reader(scans(root, lambda n: smooth), (3, 8, 6, 6), SQUASH, "bilinear").read(
        Sample("a", None, 0, root)
    )
    blocks = smooth.reshape(8, 2, 6, 2, 6, 2).mean((1, 3, 5))
    assert np.abs(resized[1:-1, 1:-1, 1:-1] - blocks[1:-1, 1:-1, 1:-1]).max() <= 1


def test_enlarging_on_the_device_is_linear_interpolation(root: Path) -> None:
    prepared = scans(root, lambda n: volume(n, 4, 5, 5))
    raw = torch.from_numpy(np.array(decoded(prepared, input_reader(prepared, (3, 8, 10, 10), SQUASH, "bilinear"))[:1]))
    shape = (3, 8, 10, 10)
    own = Preprocess(SQUASH, (0.0,) * 3, (1.0,) * 3, shape, "bilinear", torch.device("cpu"), channels_last=False)
    expected = zoom(raw[0].numpy() / 255, 2, order=1, grid_mode=True, mode="nearest")
    np.testing.assert_allclose(own(raw)[0, 1].numpy(), expected, atol=1e-5)


def test_channels_of_volumes(root: Path) -> None:
    one = scans(root, lambda n: volume(n, 4, 5, 6, 1))
    assert input_reader(one, (3, 4, 8, 8), SQUASH, "bilinear").shape == (4, 5, 6)
    three = scans(root, lambda n: volume(n, 4, 5, 6, 3))
    assert input_reader(three, (3, 4, 8, 8), SQUASH, "bilinear").shape == (4, 5, 6, 3)
    assert input_reader(three, (3, 2, 4, 4), SQUASH, "bilinear").shape == (2, 4, 4, 3)
    with pytest.raises(DataError, match=r"shape \(4, 5, 6, 2\) for a"):
        input_reader(scans(root, lambda n: volume(n, 4, 5, 6, 2)), (3, 4, 8, 8), SQUASH, "bilinear")


def test_volumes_of_several_shapes_are_refused(root: Path) -> None:
    prepared = scans(root, lambda n: volume(n, 4, 5, 6 + (n == 5)))
    with pytest.raises(DataError, match=r"volumes differ in shape\. Resample them"):
        input_reader(prepared, (3, 4, 8, 8), SQUASH, "bilinear")


def test_a_volume_for_an_image_backbone_names_lift_and_the_other_way_round(root: Path) -> None:
    with pytest.raises(UsageError, match=r"holds volumes \(4, 5, 6\).*lift=slices"):
        input_reader(scans(root, lambda n: volume(n, 4, 5, 6)), (3, 32, 32), SQUASH, "bilinear")
    class_folders(root / "own")
    images = prepare(ImageFolder(path="own"), root, 0)
    with pytest.raises(UsageError, match=r"holds images \(10, 12, 3\).*Leave out lift"):
        input_reader(images, (3, 8, 32, 32), SQUASH, "bilinear")


def test_half_precision_volumes_are_kept_if_they_lie_between_0_and_1(root: Path) -> None:
    prepared = scans(root, lambda n: (volume(n, 4, 5, 6) / 255).astype(np.float16))
    own = input_reader(prepared, (3, 8, 8, 8), SQUASH, "bilinear")
    array = decoded(prepared, own)
    assert (own.dtype, array.dtype) == ("float16", np.float16)
    assert input_reader(prepared, (3, 2, 8, 8), SQUASH, "bilinear").dtype == "float16"
    beyond = scans(root, lambda n: np.full((4, 5, 6), 3, dtype=np.float16))
    with pytest.raises(DataError, match=r"float16 volumes hold values of 0\.\.1"):
        input_reader(beyond, (3, 8, 8, 8), SQUASH, "bilinear")


def test_grey_arrays_become_images_of_three_channels(root: Path) -> None:
    prepared = scans(root, lambda n: volume(n, 9, 9))
    array = cached(prepared, 16)
    assert array.shape == (6, 9, 9, 3)
    assert np.array_equal(array[2, ..., 1], volume(2, 9, 9))


def test_a_key_holds_what_decides_the_bytes(root: Path) -> None:
    class_folders(root / "own", height=20, width=30)
    prepared = prepare(ImageFolder(path="own"), root, 0)
    keys = [
        reader(prepared, 8).key,
        reader(prepared, 9).key,
        reader(prepared, 8, "bicubic").key,
        reader(prepared, 8, resize="crop").key,
        reader(prepared, 8, antialias=False).key,
    ]
    assert len({str(key) for key in keys}) == len(keys)
    # what the interpolation would be does not matter where it is not used
    assert reader(prepared, 8, "bicubic", antialias=False).key == keys[-1]
    assert reader(prepared, 8, batch_size=3, augment="flip").key == keys[0]


def test_native_images_share_one_array_at_every_size(root: Path) -> None:
    class_folders(root / "own", height=8, width=8)
    prepared = prepare(ImageFolder(path="own"), root, 0)
    assert reader(prepared, 16).key == reader(prepared, 32, "bicubic", resize="crop").key
    assert reader(prepared, 16).shape == (8, 8, 3)


def test_the_released_recipe_resizes_as_its_code_does(root: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is only compared with")
    class_folders(root / "own", height=50, width=70)
    prepared = prepare(ImageFolder(path="own"), root, 0)
    array = decoded(prepared, input_reader(prepared, (3, 16, 16), preset("released"), "bicubic"))
    image = np.asarray(Image.open(root / "own" / prepared.table["path"][3]))
    expected = cv2.resize(image, (16, 16), interpolation=cv2.INTER_LINEAR)
    assert np.abs(array[3].astype(int) - expected.astype(int)).max() <= 1


def test_what_all_samples_have_in_common_is_looked_up_once(root: Path) -> None:
    class_folders(root / "own", height=8, width=8)
    prepared = prepare(ImageFolder(path="own"), root, 0)
    first = reader(prepared, 16)
    (store,) = (cache_root() / "extents").glob("*.json")
    assert store.read_text() == "[8, 8, 3]"
    store.write_text("broken")
    assert reader(prepared, 16) == first
    picture(root / "own" / "c1" / "4.png", 1, height=9, width=9)  # other bytes, another answer
    assert reader(prepare(ImageFolder(path="own"), root, 0), 16).shape == (16, 16, 3)


class Outlined(Dataset):
    """Pictures of cells with the outline of each, in files."""

    task = "outlines"
    folder = "cells"
    classes = tuple(f"kind{n}" for n in range(5))
    protocols: ClassVar[dict[str, Split]] = {"given": Official(selection="last")}

    def samples(self, root: Path) -> pd.DataFrame:
        names = [f"{n}.png" for n in range(6)]
        split = ["train"] * 4 + ["test"] * 2
        return pd.DataFrame({"id": names, "path": names, "target": [f"maps/{n}" for n in names], "split": split})


def outlined(root: Path, height: int = 30, width: int = 40, **fields: Any) -> Prepared:
    (root / "cells" / "maps").mkdir(parents=True, exist_ok=True)
    for number in range(6):
        labels = (pixels(number, height, width, channels=1)[..., 0] > 128).astype(np.uint8) * (1 + number % 4)
        Image.fromarray(labels).save(root / "cells" / "maps" / f"{number}.png")
        Image.fromarray(np.repeat(labels[..., None] * 30, 3, axis=2)).save(root / "cells" / f"{number}.png")
    return prepare(Outlined(**fields), root, 0)


@pytest.mark.usefixtures("outlines")
@pytest.mark.parametrize("resize", ["squash", "crop"])
def test_maps_lie_on_their_inputs(root: Path, resize: str) -> None:
    recipe = Recipe(resize=resize)
    prepared = outlined(root)
    inputs = input_reader(prepared, (3, 12, 12), recipe, "bilinear")
    own = target_reader(prepared, inputs, recipe)
    assert (own.shape, own.dtype) == ((12, 12), "uint8")
    assert own.key == target_reader(prepared, (12, 12), recipe).key
    maps, shown = decoded(prepared, own), decoded(prepared, inputs)
    assert set(np.unique(maps[4])) == {0, 1}
    whole = Image.open(root / "cells" / "maps" / "4.png")
    box = (5, 0, 35, 30) if resize == "crop" else None
    assert np.array_equal(maps[4], np.asarray(whole.resize((12, 12), Image.Resampling.NEAREST, box=box)))
    agreement = np.corrcoef(maps[4].ravel(), shown[4, ..., 0].ravel())[0, 1]
    assert agreement > 0.3  # noise, of which the image shows averages


@pytest.mark.usefixtures("outlines")
def test_maps_of_native_inputs_stay_native(root: Path) -> None:
    prepared = outlined(root, 10, 10)
    inputs = input_reader(prepared, (3, 32, 32), SQUASH, "bilinear")
    maps = decoded(prepared, target_reader(prepared, inputs, SQUASH))
    assert np.array_equal(maps[..., None] * 30, decoded(prepared, inputs)[..., :1])


@pytest.mark.usefixtures("outlines")
def test_a_map_of_another_size_is_named(root: Path) -> None:
    outlined(root)
    Image.fromarray(np.full((30, 41), 3, dtype=np.uint8)).save(root / "cells" / "maps" / "2.png")
    prepared = prepare(Outlined(), root, 0)
    with pytest.raises(DataError, match=r"label map of 2\.png is \(30, 41\), but its input is \(30, 40\)"):
        decoded(prepared, target_reader(prepared, (12, 12), SQUASH))


@pytest.mark.usefixtures("outlines")
def test_a_changed_map_changes_the_maps_and_the_identity_but_not_the_inputs(root: Path) -> None:
    before = outlined(root)
    Image.fromarray(np.full((30, 40), 3, dtype=np.uint8)).save(root / "cells" / "maps" / "2.png")
    after = prepare(Outlined(), root, 0)
    assert before.identity != after.identity
    assert before.content == after.content
    assert before.target_content != after.target_content
    assert target_reader(before, (12, 12), SQUASH).key != target_reader(after, (12, 12), SQUASH).key


@pytest.mark.usefixtures("outlines")
def test_maps_without_a_file_are_read_by_the_adapter(root: Path) -> None:
    class Drawn(Outlined):
        """Outlines that are computed."""

        classes = tuple(f"kind{n}" for n in range(301))

        def samples(self, root: Path) -> pd.DataFrame:
            return super().samples(root).drop(columns="target")

        def read_target(self, sample: Sample) -> np.ndarray:
            return np.full((30, 40), 300, dtype=np.int16)

    outlined(root)
    prepared = prepare(Drawn(), root, 0, partial=True)  # which lacks most classes
    maps = decoded(prepared, target_reader(prepared, (12, 12), SQUASH))
    assert maps.dtype == np.int16
    assert (maps == 300).all()
    with pytest.raises(NotImplementedError, match="read_target"):
        Outlined().read_target(Sample("a", None, 0, root))
