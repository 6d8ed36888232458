"""The shipped checks pass on every built-in data set; test_flaws.py has those they fail on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_dense
import made_features
import numpy as np
import pytest
from made_clips import hmdb51, ucf101
from made_images import class_folders, domain_folders, picture, saved_hf, vtab_lists
from made_volumes import participants
from sparing import slow_but

from bench.conformance.base import Skipped, examine
from bench.conformance.datasets import CHECKS, DatasetCase, check_protocols, check_table
from bench.datasets.digits import Digits
from bench.datasets.insplad_fault import ASSETS
from bench.plugins import registry

MATERIALS = ("aluminium_foil", "brown_bread", "corduroy", "cork", "cotton", "cracker", "lettuce_leaf", "linen",
             "white_bread", "wood", "wool")  # fmt: skip


def _images(root: Path, paths: list[str]) -> None:
    for seed, path in enumerate(paths):
        picture(root / path, seed)


def _pacs(root: Path) -> dict[str, Any]:
    kinds = ("dog", "elephant", "giraffe", "guitar", "horse", "house", "person")
    domains = ("art_painting", "cartoon", "photo", "sketch")
    paths = [f"{domain}/{kind}/{n}.png" for domain in domains for kind in kinds for n in range(5)]
    _images(root / "pacs", paths)
    (root / "pacs_splits").mkdir()
    for domain in domains:
        for part, numbers in (("train", "0123"), ("crossval", "4"), ("test", "01234")):
            lines = [f"{domain}/{kind}/{n}.png {label}" for label, kind in enumerate(kinds, 1) for n in numbers]
            (root / "pacs_splits" / f"{domain}_{part}_kfold.txt").write_text("\n".join(lines))
    return {}


def _breakhis(root: Path) -> dict[str, Any]:
    types = {
        "DC": "ductal_carcinoma",
        "LC": "lobular_carcinoma",
        "MC": "mucinous_carcinoma",
        "PC": "papillary_carcinoma",
    }
    _images(
        root / "BreaKHis_v1" / "histology_slides/breast/malignant/SOB",
        [
            f"{name}/SOB_M_{kind}_14-{slide}{number}/200X/SOB_M_{kind}-14-{slide}{number}-200-{image:03d}.png"
            for number, (kind, name) in enumerate(types.items())
            for slide in range(5)
            for image in range(2)
        ],
    )
    return {}


def _kth(root: Path) -> dict[str, Any]:
    _images(
        root / "KTH-TIPS2-b", [f"{name}/sample_{x}/{n}.png" for name in MATERIALS for x in "abcd" for n in range(2)]
    )
    return {}


def _plants(root: Path) -> dict[str, Any]:
    place = root / "plant_pathology_2020"
    _images(place, [f"images/Train_{n}.jpg" for n in range(40)])
    rows = [f"Train_{n}," + ",".join(str(int(n % 4 == k)) for k in range(4)) for n in range(40)]
    (place / "train.csv").write_text("\n".join(["image_id,healthy,multiple_diseases,rust,scab", *rows]))
    return {}


def _tiny(root: Path) -> dict[str, Any]:
    place = root / "tiny-imagenet-200"
    names = ("n02", "n01")
    _images(place, [f"train/{name}/images/{name}_{n}.JPEG" for name in names for n in range(20)])
    _images(place / "val" / "images", [f"val_{n}.JPEG" for n in range(100, 104)])
    for n in range(100, 104):
        picture(place / "val" / "images" / f"val_{n}.JPEG", n)
    (place / "wnids.txt").write_text("\n".join(names))
    lines = [f"val_{n}.JPEG\t{names[n % 2]}\t0\t0\t9\t9" for n in range(100, 104)]
    (place / "val" / "val_annotations.txt").write_text("\n".join(lines))
    return {}


def _medmnist(root: Path) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 16), ("val", 6), ("test", 6)):
        arrays[f"{split}_images"] = rng.integers(0, 255, (count, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % 2)[:, None].astype(np.uint8)
    (root / "medmnist").mkdir()
    np.savez(root / "medmnist" / "breastmnist.npz", **arrays)
    return {}


def _hcrf(root: Path) -> dict[str, Any]:
    _images(root / "HCRF", [f"{name}/{n}.png" for name in ("normal", "abnormal") for n in range(12)])
    return {}


def _whu(root: Path) -> dict[str, Any]:
    names = registry.load("datasets", "whu_rs19").classes
    _images(root / "WHU-RS19", [f"{name}/{name}_{n}.jpg" for name in names for n in range(10)])
    return {}


def _insplad(root: Path) -> dict[str, Any]:
    files = [
        f"{asset.replace('_', '-')}/{part}/{kind}/{n}.jpg"
        for asset, kinds in ASSETS.items() for part in ("train", "val") for kind in kinds for n in range(4)
    ]  # fmt: skip
    _images(root / "InsPLAD-fault" / "defect_supervised", files)
    return {}


def _folder(root: Path) -> dict[str, Any]:
    class_folders(root / "own", each=10)
    return {"path": "own"}


def _csv(root: Path) -> dict[str, Any]:
    class_folders(root / "own", each=10)
    lines = [f"c{label}/{n}.png,{label}" for label in range(2) for n in range(10)]
    (root / "own" / "list.csv").write_text("\n".join(["path,label", *lines]))
    return {"path": "own/list.csv"}


def _boxes(root: Path) -> dict[str, Any]:
    made_dense.bccd(root)
    (root / "bccd").rename(root / "own")
    return {"path": "own", "protocol": "split"}


def _masks(root: Path) -> dict[str, Any]:
    made_dense.dsb2018(root)
    (root / "dsb2018").rename(root / "own")
    return {"path": "own", "task": "instances"}


def _nifti(root: Path) -> dict[str, Any]:
    participants(root)
    return {"path": "brains/participants.tsv", "protocol": "grouped"}


def _clips(make: Callable[[Path, bool], Path]) -> Callable[[Path], dict[str, Any]]:
    def made(root: Path) -> dict[str, Any]:
        make(root, True)
        return {"frames": 4, "size": 16}

    return made


def _domains(name: str, classes: int, each: int = 4) -> Callable[[Path], dict[str, Any]]:
    def made(root: Path) -> dict[str, Any]:
        domain_folders(root, registry.load("datasets", name), classes, each)
        return {}

    return made


def _vtab(root: Path) -> dict[str, Any]:
    vtab_lists(root / "vtab-1k" / "eurosat", 10)
    return {"subset": "eurosat"}


def _hf(root: Path) -> dict[str, Any]:
    class_folders(root / "own", each=10)
    saved_hf(root / "own", root / "saved")
    return {"path": "saved"}


def _placed(make: Callable[[Path], None]) -> Callable[[Path], dict[str, Any]]:
    def made(root: Path) -> dict[str, Any]:
        make(root)
        return {}

    return made


def _features(root: Path) -> dict[str, Any]:
    more = {f"support{shots}": made_features.rows(shots, shots) for shots in (8, 16)}
    made_features.feature_files(
        root, **{f"{part}.{k}": v for part, xy in more.items() for k, v in zip("xy", xy, strict=True)}
    )
    return {"subset": "things"}


MADE: dict[str, Callable[[Path], dict[str, Any]]] = {
    "pacs": _pacs,
    "breakhis": _breakhis,
    "kth_tips2b": _kth,
    "plant_pathology_2020": _plants,
    "tiny_imagenet": _tiny,
    "medmnist": _medmnist,
    "hcrf": _hcrf,
    "whu_rs19": _whu,
    "insplad_fault": _insplad,
    "image_folder": _folder,
    "box_folder": _boxes,
    "mask_folder": _masks,
    "csv_images": _csv,
    "nifti_folder": _nifti,
    "ucf101": _clips(ucf101),
    "hmdb51": _clips(hmdb51),
    "clip_features": _features,
    "bccd": _placed(made_dense.bccd),
    "dsb2018": _placed(made_dense.dsb2018),
    "hippocampus_slices": _placed(made_dense.hippocampus),
    "ade20k": _placed(made_dense.ade20k),
    "coco": _placed(made_dense.coco),
    "coco_instances": _placed(made_dense.coco),
    "hf": _hf,
    "vlcs": _domains("vlcs", 5),
    "office_home": _domains("office_home", 65, each=1),
    "terra_incognita": _domains("terra_incognita", 10),
    "domain_net": _domains("domain_net", 345, each=1),
    "vtab": _vtab,
    "digits_scene": lambda root: {},
    "digits_boxes": lambda root: {},
    "digits_instances": lambda root: {},
    "digits": lambda root: {},
    "digits_shift": lambda root: {},
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetCase]:
    """Every built-in data set with a small synthetic copy of its data."""
    made = {}
    for name in registry.catalog("datasets"):
        root = tmp_path_factory.mktemp(name)
        made[name] = DatasetCase(
            registry.load("datasets", name)(**MADE[name](root)), root, partial=not name.startswith("digits")
        )
    return made


def test_every_built_in_has_synthetic_data() -> None:
    assert set(MADE) == set(registry.catalog("datasets"))


@pytest.mark.parametrize("name", slow_but(sorted(MADE), "image_folder", "coco", "medmnist"))
def test_built_in_data_sets_conform(cases: dict[str, DatasetCase], name: str) -> None:
    verdicts = {verdict.check: verdict for verdict in examine(cases[name], CHECKS)}
    assert {check: verdict.problem for check, verdict in verdicts.items() if verdict.problem} == {}
    dataset = cases[name].dataset
    allowed = {"missing_data", "expected_counts"} | ({"shots"} if dataset.task_plugin.target != "table" else set())
    assert {check for check, verdict in verdicts.items() if verdict.skipped} <= allowed


def test_array_files_may_count_each_split_from_0(root: Path) -> None:
    """Rows of one file with one index are one image only if they are read as one."""
    fields = _medmnist(root)
    case = DatasetCase(registry.load("datasets", "medmnist")(**fields), root, partial=True)
    assert case.prepared().table.duplicated(["path", "index"]).any()
    check_table(case)


def test_checks_of_data_are_skipped_without_data(root: Path) -> None:
    case = DatasetCase(registry.load("datasets", "kth_tips2b")(), root)
    with pytest.raises(Skipped, match="no data at"):
        check_protocols(case)


def test_digits_pass_every_check_that_applies(root: Path) -> None:
    skipped = {verdict.check for verdict in examine(DatasetCase(Digits(), root), CHECKS) if verdict.skipped}
    assert skipped == {"missing_data"}
