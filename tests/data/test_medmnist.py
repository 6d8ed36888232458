"""MedMNIST files as published, in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_images import pixels

from bench.core.errors import DataError, MissingData, UsageError
from bench.core.shipped import ASSETS
from bench.data.base import rows_of
from bench.data.download import fetch
from bench.data.prepare import prepare
from bench.datasets.medmnist import SETS_2D, SETS_3D, MedMNIST


def npz(root: Path, name: str, channels: int = 0, depth: int = 0) -> dict[str, np.ndarray]:
    """A file as MedMNIST publishes it: labels (n, 1), images (n, 28, 28[, 3]) or (n, 28, 28, 28)."""
    arrays = {}
    for seed, (split, count) in enumerate((("train", 6), ("val", 3), ("test", 4))):
        values = pixels(seed, 28, 28 * count * max(1, depth), 3)
        shape = (count, depth, 28, 28) if depth else (count, 28, 28, 3) if channels else (count, 28, 28)
        arrays[f"{split}_images"] = np.resize(values, shape)
        arrays[f"{split}_labels"] = np.array([[i % 2] for i in range(count)], dtype=np.uint8)
    (root / "medmnist").mkdir(exist_ok=True)
    np.savez(root / "medmnist" / name, **arrays)
    return arrays


def test_medmnist_reads_grey_colour_and_volumes(root: Path) -> None:
    for subset, options, shape in (
        ("breastmnist", {}, (28, 28, 3)),
        ("bloodmnist", {"channels": 3}, (28, 28, 3)),
        ("adrenalmnist3d", {"depth": 28}, (28, 28, 28)),
    ):
        arrays = npz(root, f"{subset}.npz", **options)
        dataset = MedMNIST(subset=subset)
        prepared = prepare(dataset, root, 0, partial=True)
        assert prepared.counts == {"train": 6, "val": 3, "test": 4}
        read = [dataset.read(sample) for sample in rows_of(dataset, prepared.table, root)]
        assert {array.shape for array in read} == {shape}
        plain = read[8][..., 0] if subset == "breastmnist" else read[8]
        assert np.array_equal(plain, arrays["val_images"][2])
        assert prepared.table["label"].tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1]


def test_medmnist_compares_counts_and_md5_with_the_published(root: Path) -> None:
    npz(root, "breastmnist.npz")
    with pytest.raises(DataError, match=r"train 6 instead of 546.*breastmnist.npz md5:"):
        prepare(MedMNIST(), root, 0)
    found = prepare(MedMNIST(), root, 0, partial=True).differences
    assert found["breastmnist.npz"]["expected"] == "md5:750601b1f35ba3300ea97c75c52ff8f6"


def test_medmnist_sizes_are_files(root: Path) -> None:
    assert MedMNIST(subset="pathmnist", size=224).file == "pathmnist_224.npz"
    with pytest.raises(MissingData, match=r"pathmnist_224\.npz"):
        MedMNIST(subset="pathmnist", size=224).samples(root)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"subset": "chestmnist"}, "multi-label"),
        ({"subset": "cifar"}, "known: bloodmnist"),
        ({"subset": "organmnist3d", "size": 128}, "sizes 28 and 64"),
        ({"size": 32}, "28, 64, 128 or 224"),
    ],
)
def test_medmnist_says_what_it_cannot_do(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        MedMNIST.build("medmnist", values)


def test_medmnist_names_a_broken_file(root: Path) -> None:
    npz(root, "breastmnist.npz")
    file = root / "medmnist" / "breastmnist.npz"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(DataError, match=r"breastmnist\.npz"):
        MedMNIST().samples(root)


def test_an_embedded_set_needs_no_data_folder(root: Path) -> None:
    """The published file: its md5 and counts are checked as those of any other."""
    dataset = MedMNIST(subset="vesselmnist3d")
    prepared = prepare(dataset, root / "nowhere", 0)
    assert prepared.counts == {"train": 1335, "val": 191, "test": 382}
    assert prepared.differences == {}
    first = next(iter(rows_of(dataset, prepared.table, root)))
    assert set(np.unique(dataset.read(first))) == {0, 255}
    assert "already there" in fetch(dataset, root)
    notice = (ASSETS / "NOTICE.txt").read_text()
    (checksum,) = dataset.checksums().values()
    assert dataset.file in notice
    assert checksum.removeprefix("md5:") in notice


def test_a_file_in_the_data_folder_comes_before_the_embedded_one(root: Path) -> None:
    npz(root, "vesselmnist3d.npz", depth=28)
    with pytest.raises(DataError, match="train 6 instead of 1335"):
        prepare(MedMNIST(subset="vesselmnist3d"), root, 0)


def test_only_the_published_size_is_embedded(root: Path) -> None:
    with pytest.raises(MissingData, match=r"vesselmnist3d_64\.npz"):
        MedMNIST(subset="vesselmnist3d", size=64).samples(root)


def test_sets_with_left_and_right_organs_are_never_mirrored() -> None:
    forbidden = {name: MedMNIST(subset=name).forbidden_flips for name in (*SETS_2D, *SETS_3D)}
    sided = {name for name in forbidden if any("left" in label for label in MedMNIST(subset=name).class_names(Path()))}
    assert {name for name, axes in forbidden.items() if axes} == sided - {"organsmnist"} != set()
    assert set(forbidden["organmnist3d"]) == {"horizontal", "vertical", "depth"}
