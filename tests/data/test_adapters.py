"""Adapters on synthetic trees in the official naming: published counts, labels, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from counted import crosstab
from made_images import picture, stubs
from sparing import slow_but

from bench.core.errors import DataError, MissingData
from bench.data.base import rows_of
from bench.data.prepare import assign, checked_table, compare, prepare
from bench.datasets import tiny_imagenet
from bench.datasets.digits import Digits
from bench.datasets.digits_shift import DigitsShift
from bench.datasets.hcrf import HCRF
from bench.datasets.insplad_fault import ASSETS, InsPLADFault
from bench.datasets.kth_tips2b import KTHTips2b
from bench.datasets.plant_pathology_2020 import CLASSES, PlantPathology2020
from bench.datasets.tiny_imagenet import TinyImageNet
from bench.datasets.whu_rs19 import WHURS19


def kth(root: Path) -> None:
    names = [
        f"{material}/sample_{letter}/{number}{letter}-scale_{scale}_im_{image}_col.png"
        for number, material in enumerate(KTHTips2b.classes, start=15)
        for letter in "abcd"
        for scale in range(2, 11)
        for image in range(1, 13)
    ]
    stubs(root / "KTH-TIPS2-b", names)


def test_kth_splits_test_one_physical_sample_each(root: Path) -> None:
    kth(root)
    for number, sample in enumerate(("sample_a", "sample_b", "sample_c", "sample_d"), start=1):
        prepared = prepare(KTHTips2b(protocol=f"split{number}"), root, 0)
        assert prepared.counts == {"train": 3564, "val": 0, "test": 1188}
        assert set(prepared.table["domain"].iloc[prepared.rows("test")]) == {sample}
        assert prepared.leaks == {}


def plants(root: Path, rows: list[tuple[int, ...]]) -> None:
    place = root / "plant_pathology_2020"
    stubs(place, [f"images/Train_{number}.jpg" for number in range(len(rows))])
    lines = [f"Train_{number},{','.join(map(str, flags))}" for number, flags in enumerate(rows)]
    (place / "train.csv").write_text("\n".join(["image_id," + ",".join(CLASSES), *lines]) + "\n")


def one_hot(label: int) -> tuple[int, ...]:
    return tuple(int(label == other) for other in range(4))


def test_plant_pathology_has_the_published_counts(root: Path) -> None:
    sizes = (516, 91, 622, 592)
    order = np.random.default_rng(0).permutation(np.repeat(range(4), sizes))
    plants(root, [one_hot(int(label)) for label in order])
    assert prepare(PlantPathology2020(), root, 0).counts == {"train": 1366, "val": 0, "test": 455}
    prepared = prepare(PlantPathology2020(protocol="holdout"), root, 0)
    labels = dict(zip(prepared.table["path"], prepared.table["label"], strict=True))
    assert [labels[f"images/Train_{number}.jpg"] for number in range(5)] == order[:5].tolist()


@pytest.mark.parametrize("flags", [(1, 1, 0, 0), (0, 0, 0, 0), (0, 0, 2, 0)])
def test_plant_pathology_refuses_rows_that_are_not_one_hot(root: Path, flags: tuple[int, ...]) -> None:
    plants(root, [one_hot(0), flags])
    with pytest.raises(DataError, match="Train_1 does not have exactly one class"):
        PlantPathology2020().samples(root)


def test_plant_pathology_without_its_sheet_says_where_to_get_it(root: Path) -> None:
    plants(root, [one_hot(0)])
    (root / "plant_pathology_2020" / "train.csv").unlink()
    with pytest.raises(MissingData, match="plant-pathology-2020-fgvc7"):
        PlantPathology2020().samples(root)


def test_plant_pathology_names_an_image_that_is_not_there(root: Path) -> None:
    plants(root, [one_hot(number % 4) for number in range(40)])
    (root / "plant_pathology_2020" / "images" / "Train_7.jpg").unlink()
    with pytest.raises(DataError, match=r"Train_7\.jpg"):
        prepare(PlantPathology2020(), root, 0, partial=True)


def tiny(root: Path, classes: int = 200, train: int = 11) -> list[str]:
    """The official layout; class numbers do not follow the order of the lists."""
    place = root / "tiny-imagenet-200"
    names = [f"n{number:08d}" for number in np.random.default_rng(0).permutation(classes)]
    stubs(place, [f"train/{name}/images/{name}_{k}.JPEG" for name in names for k in range(train)])
    stubs(place, [f"train/{name}/{name}_boxes.txt" for name in names])
    stubs(place, [f"val/images/val_{k}.JPEG" for k in range(classes)])
    (place / "wnids.txt").write_text("\n".join(names))
    boxes = [f"val_{k}.JPEG\t{name}\t0\t32\t44\t62" for k, name in enumerate(names)]
    (place / "val" / "val_annotations.txt").write_text("\n".join(boxes) + "\n")
    return names


def test_tiny_imagenet_reads_labels_from_folders_and_annotations(root: Path) -> None:
    names = tiny(root)
    prepared = prepare(TinyImageNet(), root, 0, partial=True)
    assert prepared.counts == {"train": 2200, "val": 0, "test": 200}
    assert prepared.class_names == tuple(sorted(names))
    labels = dict(zip(prepared.table["path"], prepared.table["label"], strict=True))
    assert labels["val/images/val_3.JPEG"] == labels[f"train/{names[3]}/images/{names[3]}_0.JPEG"]
    assert labels["val/images/val_3.JPEG"] == sorted(names).index(names[3])


def test_tiny_imagenet_expects_the_full_set(root: Path) -> None:
    tiny(root, train=2)
    with pytest.raises(DataError, match="train 400 instead of 100000, test 200 instead of 10000"):
        prepare(TinyImageNet(), root, 0)


def test_tiny_imagenet_without_test_labels_says_what_is_reported() -> None:
    rule = TinyImageNet().rule
    assert "validation images" in rule.note
    assert rule.selection == "last"


def test_tiny_imagenet_has_the_published_counts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At full size, without writing 110,000 files."""
    place = root / "tiny-imagenet-200"
    names = [f"n{number:08d}" for number in range(200)]
    place.mkdir()
    (place / "wnids.txt").write_text("\n".join(names))
    validation = {f"val_{k}.JPEG": names[k // 50] for k in range(10_000)}
    listing = {"val": list(validation)}
    (place / "val").mkdir()
    lines = [f"{name}\t{label}\t0\t0\t63\t63\n" for name, label in validation.items()]
    (place / "val" / "val_annotations.txt").write_text("".join(lines))
    monkeypatch.setattr(
        tiny_imagenet,
        "images_in",
        lambda folder: listing.get(folder.parent.name) or [f"{folder.parent.name}_{k}.JPEG" for k in range(500)],
    )
    for protocol, counts in (("paper", (100_000, 0, 10_000)), ("holdout", (90_000, 10_000, 10_000))):
        dataset = TinyImageNet(protocol=protocol)
        table = checked_table(dataset, root)
        table["split"] = assign(dataset, table, data_seed=0)
        found = table.groupby(["split", "label"]).size().unstack(fill_value=0)
        for split, count in zip(("train", "val", "test"), counts, strict=True):
            assert (found.loc[split] == count // 200).all() if count else split not in found.index
        assert compare(table, dataset.expects(), 200) == {}


def test_tiny_imagenet_holdout_selects_on_training_images(root: Path) -> None:
    tiny(root, classes=20, train=20)
    prepared = prepare(TinyImageNet(protocol="holdout"), root, 0, partial=True)
    assert prepared.counts == {"train": 360, "val": 40, "test": 20}
    assert prepared.table["path"].iloc[prepared.rows("val")].str.startswith("train/").all()


def test_tiny_imagenet_names_an_image_without_annotation(root: Path) -> None:
    tiny(root, classes=3)
    stubs(root / "tiny-imagenet-200", ["val/images/val_99.JPEG"])
    with pytest.raises(DataError, match=r"val_99\.JPEG"):
        TinyImageNet().samples(root)


def test_digits_shift_has_disjoint_domains(root: Path) -> None:
    prepared = prepare(DigitsShift(), root, 0)
    assert len(prepared.table) == len(set(prepared.table["index"])) == 1797
    assert prepared.table.groupby("domain")["index"].size().between(299, 300).all()
    assert set(prepared.table["domain"].iloc[prepared.rows("test")]) == {"r75"}


def test_digits_shift_turns_the_digit(root: Path) -> None:
    dataset = DigitsShift()
    table = dataset.samples(root)
    for domain, change in (("r00", False), ("r75", True)):
        sample = next(rows_of(dataset, table[table["domain"] == domain], root))
        image = dataset.read(sample)
        assert image.shape == (32, 32, 3)
        upright = np.asarray(Digits().read(sample)).astype(float)
        small = image.reshape(8, 4, 8, 4, 3).mean(axis=(1, 3))
        assert (np.corrcoef(small.ravel(), upright.ravel())[0, 1] < 0.9) == change


def test_an_empty_folder_counts_as_missing(root: Path) -> None:
    (root / "KTH-TIPS2-b").mkdir()
    with pytest.raises(MissingData, match=r"kth_tips2b: no data.*licence: research use"):
        prepare(KTHTips2b(), root, 0)


def test_tables_are_the_same_whatever_order_the_disk_gives(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kth(root)
    first = KTHTips2b().samples(root)
    import os

    scandir = os.scandir

    class Backwards:
        def __init__(self, folder: Path) -> None:
            self.entries = list(scandir(folder))[::-1]

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *error: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Backwards)
    pd.testing.assert_frame_equal(KTHTips2b().samples(root), first)


def test_a_stray_file_among_the_images_is_named(root: Path) -> None:
    kth(root)
    picture(root / "KTH-TIPS2-b" / "cork" / "sample_a" / "more" / "x.png", 1)
    with pytest.raises(DataError, match="cork/sample_a/more"):
        KTHTips2b().samples(root)


def test_hcrf_has_the_published_counts(root: Path) -> None:
    stubs(root / "HCRF", [f"{name}/{n}.tif" for name in ("Abnormal", "Normal") for n in range(140)])
    prepared = prepare(HCRF(), root, 0)
    assert prepared.counts == {"train": 70, "val": 70, "test": 140}
    assert crosstab(prepared) == {"train": [35, 35], "val": [35, 35], "test": [70, 70]}
    assert set(prepared.table["id"][prepared.table["label"] == 0].str.split("/").str[0]) == {"Normal"}


def test_the_whole_archive_of_hcrf_needs_partial(root: Path) -> None:
    stubs(
        root / "HCRF", [f"{name}/{n}.tif" for name, size in (("abnormal", 560), ("normal", 140)) for n in range(size)]
    )
    with pytest.raises(DataError, match=r"train 175 instead of 70.*--partial"):
        prepare(HCRF(), root, 0)
    assert prepare(HCRF(), root, 0, partial=True).counts["test"] == 350


def test_hcrf_names_a_folder_that_lacks(root: Path) -> None:
    stubs(root / "HCRF", ["normal/1.tif"])
    with pytest.raises(DataError, match="no folder 'abnormal'"):
        HCRF().samples(root)


WHU = (55, 50, 52, 56, 50, 50, 50, 53, 53, 61, 50, 50, 50, 54, 53, 50, 54, 56, 58)  # images a class, 1,005 in all


def test_whu_rs19_has_the_published_counts(root: Path) -> None:
    paths = [f"{name}/{name}_{n:02d}.jpg" for name, size in zip(WHURS19.classes, WHU, strict=True) for n in range(size)]
    stubs(root / "WHU-RS19", paths)
    prepared = prepare(WHURS19(), root, 0)
    assert len(paths) == 1005
    assert prepared.counts == {"train": 402, "val": 100, "test": 503}
    shares = np.array(crosstab(prepared)["test"]) / np.array(WHU)
    assert (shares > 0.45).all()
    assert (shares < 0.55).all()


TEST_IMAGES = {
    "glass_insulator": (29, 30),
    "lightning_rod_suspension": (231, 20),
    "polymer_insulator_upper_shackle": (31, 33),
    "vari_grip": (238, 23, 20),
    "yoke_suspension": (5742, 20),
}
TRAIN_IMAGES = {
    "glass_insulator": (691, 60),
    "lightning_rod_suspension": (348, 30),
    "polymer_insulator_upper_shackle": (742, 48),
    "vari_grip": (358, 48, 28),
    "yoke_suspension": (299, 29),
}


def insplad(root: Path, within: str = "defect_supervised/") -> None:
    paths = []
    for asset, names in ASSETS.items():
        for part, sizes in (("train", TRAIN_IMAGES[asset]), ("val", TEST_IMAGES[asset])):
            for name, size in zip(names, sizes, strict=True):
                paths += [f"{within}{asset.replace('_', '-')}/{part}/{name}/{n}.jpg" for n in range(size)]
    stubs(root / "InsPLAD-fault", paths)


@pytest.mark.parametrize(
    "within", slow_but(["", "defect_supervised/", "supervised_fault_classification/defect_supervised/"], "")
)
def test_insplad_is_five_problems_with_the_published_test_images(root: Path, within: str) -> None:
    insplad(root, within)
    tested = []
    for asset, sizes in TEST_IMAGES.items():
        prepared = prepare(InsPLADFault(protocol=asset), root, 0)
        assert prepared.class_names[0] == "good"
        assert crosstab(prepared) == {"train": list(TRAIN_IMAGES[asset]), "val": [], "test": list(sizes)}
        assert prepared.dataset.rule.selection == "last"
        tested.append(prepared.counts["test"])
    assert tested == [59, 251, 64, 281, 5762]
    assert sum(tested) == 6417


def test_insplad_tells_what_trains_where_it_is_not_what_was_published(root: Path) -> None:
    insplad(root)
    assert InsPLADFault().remarks(root) == []
    stubs(root / "InsPLAD-fault", ["defect_supervised/vari-grip/train/good/more.jpg"])
    (told,) = InsPLADFault().remarks(root)
    assert "2682 training images; CLAdapter states 5108" in told
    assert "vari_grip 435 (434)" in told
    stubs(root / "InsPLAD-fault", ["defect_supervised/yoke-suspension/val/rust/more.jpg"])
    with pytest.raises(DataError, match="test 5763 instead of 5762"):
        prepare(InsPLADFault(protocol="yoke_suspension"), root, 0)


@pytest.mark.parametrize("dataset", [HCRF(), WHURS19(), InsPLADFault()])
def test_where_to_put_them_is_said(root: Path, dataset: HCRF | WHURS19 | InsPLADFault) -> None:
    with pytest.raises(MissingData, match=rf"no data at .*{dataset.folder}.*Get it from .*put it there"):
        dataset.samples(root)
