"""Planted flaws are found; what is declared is distinguished."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_images import class_folders, picture, pixels
from PIL import Image

from bench.core.errors import DataError, MissingData
from bench.data import Folds, Official, Sample
from bench.data.audit.checks import audit, is_clean
from bench.datasets.csv_images import CsvImages
from bench.datasets.digits import Digits
from bench.datasets.image_folder import ImageFolder
from bench.datasets.kth_tips2b import KTHTips2b
from bench.datasets.medmnist import MedMNIST


def problems(report: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [problem for problem in report["problems"] if problem["kind"] == kind]


def own(root: Path, **fields: Any) -> dict[str, Any]:
    return audit(ImageFolder(path="own", **fields), root)


def test_clean_data(root: Path) -> None:
    report = audit(Digits(), root)
    assert is_clean(report)
    assert sum(report.pop("classes").values()) == 1797
    assert report == {
        "groups": {},
        "values": {},
        "dataset": "digits",
        "samples": 1797,
        "protocols": {"limited": {"train": 200, "val": 200, "test": 1397, "leaks": {}}},
        "duplicates": [],
        "near_duplicates": [],
        "problems": [],
    }
    assert json.loads(json.dumps(report)) == report


def test_a_truncated_file_is_found_and_the_rest_is_audited(root: Path) -> None:
    class_folders(root / "own", height=40, width=40)
    broken = picture(root / "own" / "c1" / "broken.jpg", 7, height=60, width=60)
    broken.write_bytes(broken.read_bytes()[:700])
    report = own(root)
    (problem,) = problems(report, "unreadable")
    assert problem["status"] == "undeclared"
    assert problem["samples"] == ("c1/broken.jpg",)
    assert report["samples"] == 11
    assert not is_clean(report)


def test_an_adapters_own_words_can_be_written_whatever_the_file_is_called(root: Path) -> None:
    class Raw(ImageFolder):
        """Its messages hold names as the disk gives them."""

        def read(self, sample: Sample) -> np.ndarray:
            raise DataError(f"Cannot read {sample.path}.")

    class_folders(root / "own")
    picture(root / "own" / "c1" / os.fsdecode(b"caf\xff.png"), 70)
    found = problems(audit(Raw(path="own"), root), "unreadable")
    assert any(r"caf\xff.png" in problem["detail"] for problem in found)
    assert json.dumps(found, ensure_ascii=False).encode()


def test_odd_files_are_noted(root: Path) -> None:
    class_folders(root / "own", each=6)
    place = root / "own" / "c0"
    Image.fromarray(pixels(1)).convert("CMYK").save(place / "cmyk.jpg")
    Image.fromarray(pixels(2, channels=1)[..., 0].astype(np.uint16) * 257).save(place / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 8
    picture(place / "turned.jpg", 3, exif=exif)
    Image.fromarray(pixels(4, 3, 30)).save(place / "flat.png")
    Image.fromarray(pixels(55)).save(place / "film.gif", save_all=True, append_images=[Image.fromarray(pixels(6))])
    report = own(root, intensity="full")
    found = {problem["detail"]: problem["samples"] for problem in problems(report, "odd_file")}
    assert found["mode CMYK"] == ("c0/cmyk.jpg",)
    assert found["mode I;16"] == ("c0/deep.png",)
    assert found["EXIF rotation"] == ("c0/turned.jpg",)
    assert found["a side under 8 pixels"] == ("c0/flat.png",)
    assert found["several frames"] == ("c0/film.gif",)
    assert is_clean(report)


def test_an_over_large_image_is_noted(root: Path) -> None:
    class_folders(root / "own")
    Image.new("1", (8000, 5001)).save(root / "own" / "c0" / "poster.png")
    assert any("megapixels" in problem["detail"] for problem in problems(own(root), "odd_file"))


def test_equal_pixels_in_other_files_are_found_across_splits(root: Path) -> None:
    for number, split in enumerate(("train", "test")):
        class_folders(root / "own" / split, height=9 + number)
    image = Image.open(root / "own" / "train" / "c0" / "0.png")
    image.save(root / "own" / "test" / "c0" / "copy.bmp")
    image.save(root / "own" / "train" / "c0" / "again.bmp")
    report = own(root, protocol="split_without_val")
    (found,) = report["duplicates"]
    assert found["samples"] == ["test/c0/copy.bmp", "train/c0/0.png", "train/c0/again.bmp"]
    assert found["splits"] == {"split_without_val": ["test", "train", "train"]}
    assert report["protocols"]["split_without_val"]["leaks"] == {"duplicate": 1}
    assert problems(report, "duplicate")[0]["status"] == "undeclared"
    accepted = own(root, protocol="split_without_val", accept_leaks=("duplicate",))
    assert problems(accepted, "duplicate")[0]["status"] == "declared"
    assert is_clean(accepted)


def test_duplicates_within_a_split_are_listed_but_no_problem(root: Path) -> None:
    for number, split in enumerate(("train", "test")):
        class_folders(root / "own" / split, height=9 + number)
    Image.open(root / "own" / "train" / "c0" / "0.png").save(root / "own" / "train" / "c0" / "copy.bmp")
    report = own(root, protocol="split_without_val")
    assert len(report["duplicates"]) == 1
    assert is_clean(report)


def test_conflicting_labels_are_found(root: Path) -> None:
    for number, split in enumerate(("train", "test")):
        class_folders(root / "own" / split, height=9 + number)
    Image.open(root / "own" / "train" / "c0" / "0.png").save(root / "own" / "train" / "c1" / "copy.bmp")
    report = own(root, protocol="split_without_val")
    (problem,) = problems(report, "conflicting_labels")
    assert problem["samples"] == ("train/c0/0.png = train/c1/copy.bmp",)
    assert problem["status"] == "undeclared"
    assert report["duplicates"][0]["labels"] == [0, 1]


def test_groups_across_splits_are_found(root: Path) -> None:
    class_folders(root / "own", each=10)
    lines = [f"c{label}/{n}.png,{label},p{n // 2}" for label in range(2) for n in range(10)]
    (root / "own" / "list.csv").write_text("\n".join(["path,label,group", *lines]))
    report = audit(CsvImages(path="own/list.csv"), root)
    (problem,) = problems(report, "group")
    assert problem["status"] == "undeclared"
    assert report["protocols"]["holdout"]["leaks"] == {"group": problem["count"]}
    assert problems(report, "group_labels")[0]["count"] == 5
    disjoint = audit(CsvImages(path="own/list.csv", protocol="grouped"), root)
    assert disjoint["protocols"]["grouped"]["leaks"] == {}


def kth(root: Path) -> Path:
    for material in KTHTips2b.classes:
        for number, letter in enumerate("abcd"):
            seed = zlib.crc32(f"{material}/{letter}".encode())
            picture(root / "KTH-TIPS2-b" / material / f"sample_{letter}" / "x.png", seed, height=9 + number)
    return root / "KTH-TIPS2-b"


def test_an_unlisted_image_is_found(root: Path) -> None:
    place = kth(root)
    picture(place / "velvet" / "sample_a" / "x.png", 3)
    (place / "readme.txt").write_text("fine")
    report = audit(KTHTips2b(), root, partial=True)
    (problem,) = problems(report, "unlisted")
    assert problem["samples"] == ("velvet/sample_a/x.png",)


def test_counts_are_a_problem_unless_partial(root: Path) -> None:
    kth(root)
    report = audit(KTHTips2b(), root)
    assert {problem["status"] for problem in problems(report, "counts")} == {"undeclared"}
    assert any("train has 33 samples, expected 3564" in problem["detail"] for problem in problems(report, "counts"))
    assert is_clean(audit(KTHTips2b(), root, partial=True))


def test_a_protocol_that_cannot_be_applied_is_a_problem_of_its_own(root: Path) -> None:
    class Two(ImageFolder):
        protocols = {
            "split": Official(column="nowhere"),
            "holdout": Folds(folds=5, train=(0, 1, 2), val=(3,), test=(4,)),
        }

        def applicable(self) -> tuple[str, ...]:
            return ("split", "holdout")

    for number, split in enumerate(("train", "val", "test")):
        class_folders(root / "own" / split, each=5, height=9 + number)
    report = audit(Two(path="own", protocol="split"), root)
    assert list(report["protocols"]) == []
    assert len(problems(report, "protocol")) == 2


def test_a_tested_class_without_training_samples_is_found(root: Path) -> None:
    class_folders(root / "own" / "train", classes=2)
    class_folders(root / "own" / "test", classes=3, height=9)
    (problem,) = problems(own(root, protocol="split_without_val"), "untrained_class")
    assert (problem["samples"], problem["status"]) == (("c2",), "undeclared")
    accepted = audit(ImageFolder(path="own", protocol="split_without_val"), root, partial=True)
    assert problems(accepted, "untrained_class")[0]["status"] == "declared"


def test_array_data_are_compared_by_pixels(root: Path) -> None:
    images = np.stack([pixels(n, 28, 28, 1)[..., 0] for n in range(12)])
    images[11] = images[0]
    labels = np.array([[n % 2] for n in range(12)], dtype=np.uint8)
    (root / "medmnist").mkdir()
    parts = {"train": slice(0, 6), "val": slice(6, 8), "test": slice(8, 12)}
    arrays = {
        f"{s}_{kind}": data[part]
        for s, part in parts.items()
        for kind, data in (("images", images), ("labels", labels))
    }
    for subset, status in (("breastmnist", "declared"), ("pneumoniamnist", "undeclared")):
        np.savez(root / "medmnist" / f"{subset}.npz", **arrays)
        report = audit(MedMNIST(subset=subset), root, partial=True)
        assert report["duplicates"][0]["samples"] == ["train/0", "test/3"]
        assert {p["status"] for kind in ("duplicate", "conflicting_labels") for p in problems(report, kind)} == {status}
        assert is_clean(report) == (status == "declared")


def test_without_data_there_is_one_clear_message(root: Path) -> None:
    with pytest.raises(MissingData, match="no data at"):
        audit(KTHTips2b(), root)


def test_a_watcher_sees_every_sample(root: Path) -> None:
    class_folders(root / "own")
    seen: list[int] = []

    def watch(samples: Any, total: int) -> Any:
        for sample in samples:
            seen.append(total)
            yield sample

    audit(ImageFolder(path="own"), root, watch=watch)
    assert seen == [10] * 10
