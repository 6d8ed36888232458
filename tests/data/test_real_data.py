"""Published counts on the real data; they are found through BENCH_DATA alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_images import stubs

from bench.cells.notation import Spec
from bench.data.audit.checks import audit
from bench.data.prepare import Prepared, prepare
from bench.datasets.kth_tips2b import KTHTips2b
from bench.datasets.pacs import PACS
from bench.datasets.plant_pathology_2020 import CLASSES, PlantPathology2020
from bench.plugins import registry

pytestmark = [pytest.mark.slow, pytest.mark.realdata]

# Taken at import, before any test changes the environment.
DATA = os.environ.get("BENCH_DATA", "")


def place(part: str) -> Path:
    if not DATA:
        pytest.skip("set BENCH_DATA to the folder of the real data")
    if not (Path(DATA) / part).exists():
        pytest.skip(f"BENCH_DATA holds no {part}")
    return Path(DATA)


def prepared(name: str, part: str, partial: bool = False) -> Prepared:
    spec = Spec.parse(name)
    root = place(part)
    return prepare(registry.load("datasets", spec.name).build(spec.name, spec.params), root, 0, partial)


@pytest.mark.parametrize("protocol", list(PACS.protocols))
def test_pacs_has_the_published_counts(protocol: str) -> None:
    found = prepared(f"pacs[protocol={protocol}]", "pacs")
    assert sum(found.counts.values()) == (300 if protocol == "photos" else 9991)
    assert found.leaks == {}


def test_pacs_paper() -> None:
    assert prepared("pacs", "pacs").counts == {"train": 1588, "val": 6355, "test": 2048}


def test_pacs_altered_list_is_told() -> None:
    remarks = PACS().remarks(place("pacs_splits"))
    assert [remark for remark in remarks if "art_painting_crossval_kfold.txt differs" in remark] == remarks
    assert len(remarks) == 1


def test_kth_splits_equal_the_published_lists(root: Path) -> None:
    folder = place("kth_tips2b_splits/splits") / "kth_tips2b_splits" / "splits"

    def read(name: str) -> set[str]:
        return {line.split("KTH-TIPS2-b/images/")[1] for line in (folder / name).read_text().split()}

    stubs(root / "KTH-TIPS2-b", read("train1.txt") | read("test1.txt"))
    for number in (1, 2, 3, 4):
        found = prepare(KTHTips2b(protocol=f"split{number}"), root, 0)
        assert found.counts == {"train": 3564, "val": 0, "test": 1188}
        assert set(found.table["path"].iloc[found.rows("train")]) == read(f"train{number}.txt")
        assert set(found.table["path"].iloc[found.rows("test")]) == read(f"test{number}.txt")


def test_plant_pathology_from_the_real_labels(root: Path) -> None:
    sheet = pd.read_csv(place("plant_pathology_2020") / "plant_pathology_2020" / "train_reconstructed.csv")
    stubs(root / "plant_pathology_2020", [f"images/{name}.jpg" for name in sheet["image_id"]])
    sheet.to_csv(root / "plant_pathology_2020" / "train.csv", index=False)
    found = prepare(PlantPathology2020(), root, 0)
    assert found.counts == {"train": 1366, "val": 0, "test": 455}
    labels = found.table.set_index("path")["label"]
    assert labels["images/Train_0.jpg"] == CLASSES.index("scab")


def test_tiny_imagenet_is_partial_here() -> None:
    found = prepared("tiny_imagenet", "tiny-imagenet-200", partial=True)
    assert found.classes == 200
    assert found.counts["test"] % 200 == 0


def test_breakhis_groups_are_disjoint() -> None:
    found = prepared("breakhis[magnification=100,n_classes=8,protocol=patient]", "BreaKHis_v1", partial=True)
    assert found.table.groupby("group")["split"].nunique().max() == 1
    assert found.classes == 8


def test_breastmnist_has_one_image_in_two_splits_under_two_labels() -> None:
    report: dict[str, Any] = audit(
        registry.load("datasets", "medmnist")(), place("medmnist/breastmnist.npz"), partial=True
    )
    assert report["protocols"]["official"] == {"train": 546, "val": 78, "test": 156, "leaks": {"duplicate": 1}}
    assert [found["labels"] for found in report["duplicates"]] == [[0, 1]]
    assert {problem["status"] for problem in report["problems"]} == {"declared"}


@pytest.mark.parametrize("size", [28, 64])
def test_adrenal_volumes_have_the_published_checksum(size: int) -> None:
    name = "adrenalmnist3d.npz" if size == 28 else "adrenalmnist3d_64.npz"
    found = prepared(f"medmnist[subset=adrenalmnist3d,size={size}]", f"medmnist/{name}")
    assert found.counts == {"train": 1188, "val": 98, "test": 298}
    assert found.differences == {}
