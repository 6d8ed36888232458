"""image_folder: a user's own class folders, with a user's own mistakes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from cached import cached
from made_images import class_folders, picture
from pydantic import ValidationError

from bench.cells.notation import Spec
from bench.core.errors import DataError
from bench.data.prepare import Prepared, prepare
from bench.datasets.image_folder import ImageFolder


def folder(root: Path, **fields: Any) -> Prepared:
    return prepare(ImageFolder(path="own", **fields), root, 0)


def test_class_folders(root: Path) -> None:
    class_folders(root / "own", classes=3, each=10)
    prepared = folder(root)
    assert prepared.counts == {"train": 18, "val": 6, "test": 6}
    assert prepared.class_names == ("c0", "c1", "c2")
    assert (prepared.table["path"].str[1].astype(int) == prepared.table["label"]).all()


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "validation", "testing")])
def test_split_folders(root: Path, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        class_folders(root / "own" / name, each=2 + number, height=9 + number)
    assert folder(root, protocol="split").counts == {"train": 4, "val": 6, "test": 8}


def test_domain_folders(root: Path) -> None:
    for number, name in enumerate(("day", "night")):
        class_folders(root / "own" / name, each=5, height=9 + number)
    prepared = folder(root, protocol="leave_domain_out", test_domain="night")
    assert prepared.counts == {"train": 8, "val": 2, "test": 10}
    assert set(prepared.table["domain"].iloc[prepared.rows("test")]) == {"night"}
    with pytest.raises(DataError, match="one of the domains: day, night"):
        folder(root, protocol="leave_domain_out")


@pytest.mark.parametrize(
    ("folders", "protocol", "message"),
    [
        (("train", "test"), "holdout", "use protocol=split"),
        (("train", "test"), "split", "use protocol=split_without_val"),
        (("train", "val", "test"), "split_without_val", "use protocol=split"),
        (("train",), "split", "the split 'test' is missing"),
    ],
)
def test_the_wrong_layout_is_explained(root: Path, folders: tuple[str, ...], protocol: str, message: str) -> None:
    for number, name in enumerate(folders):
        class_folders(root / "own" / name, each=5, height=9 + number)
    with pytest.raises(DataError, match=message):
        folder(root, protocol=protocol)


def test_domains_are_not_taken_for_classes(root: Path) -> None:
    for number, name in enumerate(("day", "night")):
        class_folders(root / "own" / name, each=5, height=9 + number)
    with pytest.raises(DataError, match=r"day, night in .* each the folders c0, c1\..*protocol=leave_domain_out"):
        folder(root)
    picture(root / "own" / "night" / "loose.png", 77)
    assert folder(root).class_names == ("day", "night")


def test_classes_may_hold_one_folder_of_the_same_name(root: Path) -> None:
    for number, name in enumerate(("cat", "dog")):
        class_folders(root / "own" / name, classes=1, each=5, height=9 + number)
    assert folder(root).class_names == ("cat", "dog")


def test_a_class_without_training_samples_is_refused_or_shown(root: Path) -> None:
    class_folders(root / "own" / "train", classes=2)
    class_folders(root / "own" / "test", classes=3, height=9)
    with pytest.raises(DataError, match=r"no training sample of 1 class\(es\): c2\..*--partial"):
        folder(root, protocol="split_without_val", shots=2)
    dataset = ImageFolder(path="own", protocol="split_without_val", shots=2)
    prepared = prepare(dataset, root, 0, partial=True)
    assert prepared.untrained == (2,)
    assert prepared.counts == {"train": 4, "val": 0, "test": 15}


def test_an_empty_class_folder_is_named(root: Path) -> None:
    class_folders(root / "own")
    (root / "own" / "bird").mkdir()
    with pytest.raises(DataError, match=r"no training sample .*: bird"):
        folder(root)


def test_without_validation_the_last_epoch_is_declared(root: Path) -> None:
    for number, name in enumerate(("train", "test")):
        class_folders(root / "own" / name, height=9 + number)
    assert folder(root, protocol="split_without_val").dataset.rule.selection == "last"


def test_one_class_is_not_enough(root: Path) -> None:
    class_folders(root / "own", classes=1)
    with pytest.raises(DataError, match="two or more are needed"):
        folder(root)


@pytest.mark.parametrize("stray", ["c0/notes.txt", "loose.png", "c1/deep/scan.doc"])
def test_a_file_that_is_no_sample_is_named(root: Path, stray: str) -> None:
    class_folders(root / "own")
    (root / "own" / stray).parent.mkdir(exist_ok=True)
    (root / "own" / stray).write_bytes(b"x")
    with pytest.raises(DataError, match=stray):
        folder(root)


def test_clutter_of_file_managers_is_passed_over(root: Path) -> None:
    class_folders(root / "own")
    for name in (".DS_Store", "c0/Thumbs.db", "c1/.hidden.png"):
        (root / "own" / name).write_bytes(b"x")
    picture(root / "own" / ".ipynb_checkpoints" / "a.png", 7)
    picture(root / "own" / "c0" / ".ipynb_checkpoints" / "a.png", 8)
    assert len(folder(root).table) == 10


def test_links_are_followed_and_loops_end(root: Path) -> None:
    class_folders(root / "elsewhere", classes=1)
    class_folders(root / "own", classes=2, height=9)
    (root / "own" / "c2").symlink_to(root / "elsewhere" / "c0")
    (root / "own" / "c0" / "loop").symlink_to(root / "own" / "c0")
    assert len(folder(root).table) == 15


def test_two_classes_linked_to_one_place_share_files(root: Path) -> None:
    """Not dropped in silence: the same images under two labels are a leak."""
    class_folders(root / "own", classes=2, height=9)
    (root / "own" / "c2").symlink_to(root / "own" / "c0")
    with pytest.raises(DataError, match=r"duplicate\(s\) in several splits.*accept_leaks=\[duplicate\]"):
        folder(root)
    assert folder(root, accept_leaks=("duplicate",)).table["label"].value_counts().to_dict() == {0: 5, 1: 5, 2: 5}


def test_nested_folders_in_a_class_belong_to_it(root: Path) -> None:
    class_folders(root / "own")
    picture(root / "own" / "c1" / "2024" / "may" / "x.JPG", 5)
    table = folder(root).table
    assert table.set_index("id")["label"]["c1/2024/may/x.JPG"] == 1


def test_names_that_are_not_utf8_or_ascii(root: Path) -> None:
    class_folders(root / "own", each=4)
    strange = os.fsdecode(b"caf\xe9.png")
    picture(root / "own" / "c0" / strange, 50)
    picture(root / "own" / "c1" / "naïve 図.png", 51)
    prepared = folder(root)
    assert {"c0/caf\\xe9.png", "c1/naïve 図.png"} <= set(prepared.table["id"])
    assert all(name.encode() for name in prepared.table["id"])
    assert cached(prepared, 8).shape == (10, 8, 8, 3)


def test_accepted_leaks_are_part_of_the_name(root: Path) -> None:
    for number, split in enumerate(("train", "test")):
        class_folders(root / "own" / split, height=9 + number)
    (root / "own" / "test" / "c0" / "0.png").write_bytes((root / "own" / "train" / "c0" / "0.png").read_bytes())
    spec = Spec.parse("image_folder[path=own,protocol=split_without_val,accept_leaks=[duplicate]]")
    dataset = ImageFolder.build(spec.name, spec.params)
    assert prepare(dataset, root, 0).leaks == {"duplicate": 1}
    assert str(Spec("image_folder", dataset.changed())) == str(
        Spec("image_folder", {"protocol": "split_without_val", "path": "own", "accept_leaks": ["duplicate"]})
    )


def test_an_absolute_path_is_taken_as_it_is(root: Path, tmp_path: Path) -> None:
    class_folders(tmp_path / "far")
    assert len(prepare(ImageFolder(path=str(tmp_path / "far")), root, 0).table) == 10


def test_pipes_and_broken_links_are_no_images(root: Path) -> None:
    class_folders(root / "own", classes=2, each=5)
    os.mkfifo(root / "own" / "c0" / "pipe.png")
    with pytest.raises(DataError, match=r"pipe\.png is no file \(a broken link, or a pipe\)"):
        folder(root)
    (root / "own" / "c0" / "pipe.png").unlink()
    (root / "own" / "c0" / "link.png").symlink_to(root / "nowhere.png")
    with pytest.raises(DataError, match=r"link\.png is no file"):
        folder(root)


def test_links_out_of_the_folder_are_followed_and_part_of_the_identity(root: Path) -> None:
    """As documented: what a link shows is an image like any other, by its bytes."""
    class_folders(root / "own", classes=2, each=5)
    picture(root / "elsewhere.png", 99)
    (root / "own" / "c0" / "link.png").symlink_to(root / "elsewhere.png")
    before = folder(root)
    assert len(before.table) == 11
    picture(root / "elsewhere.png", 98)
    assert folder(root).content != before.content


def test_own_data_are_drawn_anew_by_the_data_seed(root: Path) -> None:
    class_folders(root / "own", classes=3, each=20)

    def tested(protocol: str, data_seed: int) -> set[str]:
        prepared = prepare(ImageFolder(path="own", protocol=protocol), root, data_seed)
        assert prepared.counts == {"train": 36, "val": 12, "test": 12}
        return set(prepared.table["id"].iloc[prepared.rows("test")])

    assert tested("holdout", 0) == tested("holdout", 1) == tested("resampled", 0)
    assert len({frozenset(tested("resampled", seed)) for seed in (0, 1, 2, 2**31)}) == 4
    assert tested("resampled", 1) == tested("resampled", 1)


@pytest.mark.parametrize("folds", [3, 5])
def test_cross_validation_tests_every_image_once(root: Path, folds: int) -> None:
    class_folders(root / "own", classes=2, each=10)

    def divided(seed: int) -> dict[str, set[str]]:
        found = prepare(ImageFolder(path="own", protocol="kfold", folds=folds), root, seed)
        return {split: set(found.table["id"].iloc[found.rows(split)]) for split in ("train", "val", "test")}

    once = [divided(seed) for seed in range(folds)]
    everything = set().union(*(one["test"] for one in once))
    assert sum(len(one["test"]) for one in once) == len(everything) == 20
    for one in once:
        assert one["train"] | one["val"] | one["test"] == everything
        assert sum(map(len, one.values())) == 20
    again = [divided(seed)["test"] for seed in range(folds, 2 * folds)]
    assert set().union(*again) == everything
    assert again != [one["test"] for one in once]
    with pytest.raises(ValidationError, match="folds is of protocol=kfold"):
        ImageFolder(path="own", folds=3)
