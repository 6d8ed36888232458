"""image_folder and csv_images: a user's own data, with a user's own mistakes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from cached import cached
from made_images import class_folders, picture

from bench.cells.notation import Spec
from bench.core.errors import DataError, MissingData
from bench.data.prepare import Prepared, prepare
from bench.datasets.csv_images import CsvImages
from bench.datasets.image_folder import ImageFolder


def folder(root: Path, **fields: Any) -> Prepared:
    return prepare(ImageFolder(path="own", **fields), root, 0)


def listed(root: Path, text: str, **fields: Any) -> Prepared:
    (root / "own").mkdir(exist_ok=True)
    (root / "own" / "list.csv").write_text(text)
    return prepare(CsvImages(path="own/list.csv", **fields), root, 0)


def rows(count: int, header: str, line: str) -> str:
    """A CSV text with columns that may use n, the row's number."""
    return "\n".join([header, *(line.format(n=n, m=n % 2, g=n // 4) for n in range(count))]) + "\n"


def pictures(root: Path, count: int) -> None:
    for number in range(count):
        picture(root / "own" / f"{number}.png", number)


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


@pytest.mark.parametrize("stray", ["c0/notes.txt", "loose.png", "c1/deep/scan.dcm"])
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


def test_csv_labels_are_words_or_numbers(root: Path) -> None:
    pictures(root, 20)
    assert listed(root, rows(20, "path,label", "{n}.png,w{m}")).class_names == ("w0", "w1")
    numbered = listed(root, "path,label\n" + "".join(f"{n}.png,{(2, 10)[n % 2]}\n" for n in range(20)))
    assert numbered.class_names == ("2", "10")
    assert numbered.table.set_index("id")["label"]["1.png"] == 1


def test_csv_splits_groups_and_domains(root: Path) -> None:
    pictures(root, 40)
    text = rows(40, "path,label,split,group,domain", "{n}.png,{m},{n},p{g},d{m}")
    for number in range(40):
        text = text.replace(
            f",{number % 2},{number},", f",{number % 2},{('train', 'valid', 'test')[number // 4 % 3]},", 1
        )
    prepared = listed(root, text, protocol="split")
    assert prepared.counts == {"train": 16, "val": 12, "test": 12}
    grouped = listed(root, text, protocol="grouped")
    assert grouped.table.groupby("group")["split"].nunique().max() == 1
    with pytest.raises(DataError, match=r"several splits.*accept_leaks=\[group\]"):
        listed(root, text, split_column="")
    assert listed(root, text, split_column="", accept_leaks=("group",)).leaks["group"] > 0


@pytest.mark.parametrize(("names", "protocol"), [("train valid test", "split"), ("train test", "split_without_val")])
def test_csv_splits_are_not_drawn_anew_unasked(root: Path, names: str, protocol: str) -> None:
    pictures(root, 20)
    kinds = names.split()
    lines = [f"{n}.png,{n % 2},{kinds[n // 2 % len(kinds)]}" for n in range(20)]
    text = "\n".join(["path,label,split", *lines]) + "\n"
    with pytest.raises(DataError, match=rf"column 'split'; use protocol={protocol}, or split_column=\"\""):
        listed(root, text)
    assert listed(root, text, protocol=protocol).counts["train"] == sum(",train" in line for line in lines)
    spec = Spec.parse('csv_images[path="own/list.csv",split_column=""]')
    assert prepare(CsvImages.build(spec.name, spec.params), root, 0).counts == {"train": 12, "val": 4, "test": 4}


def test_csv_columns_may_have_other_names(root: Path) -> None:
    pictures(root, 20)
    text = rows(20, "file,diagnosis", "{n}.png,{m}")
    with pytest.raises(DataError, match="no column 'path'; it has file, diagnosis"):
        listed(root, text)
    assert len(listed(root, text, path_column="file", label_column="diagnosis").table) == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\n0.png,\n", r"line 2: label is empty"),
        ("path,label\n0.png,a\n ,b\n", r"line 3: path is empty"),
        ("path,label,group\n0.png,a,p\n1.png,b,\n", r"line 3: group is empty"),
        ("", "cannot read"),
    ],
)
def test_csv_mistakes_are_placed(root: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        listed(root, text)


def test_csv_domains_are_needed_where_they_decide(root: Path) -> None:
    pictures(root, 20)
    text = "path,label,domain\n" + "".join(f"{n}.png,{n % 2},{'day' * (n != 3)}\n" for n in range(20))
    assert listed(root, text).counts["train"] == 12
    with pytest.raises(DataError, match="line 5: domain is empty"):
        listed(root, text, protocol="leave_domain_out", test_domain="day")


def test_csv_names_a_file_that_is_not_there(root: Path) -> None:
    pictures(root, 19)
    with pytest.raises(DataError, match=r"19\.png"):
        listed(root, rows(20, "path,label", "{n}.png,{m}"))


def test_csv_path_must_be_there(root: Path) -> None:
    with pytest.raises(MissingData, match=r"nothing at .*list\.csv"):
        prepare(CsvImages(path="list.csv"), root, 0)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_columns_may_be_separated_by_what_spreadsheets_write(root: Path, separator: str, mark: str) -> None:
    pictures(root, 20)
    text = rows(20, "path,label", "{n}.png,{m}").replace(",", separator)
    assert listed(root, mark + text).counts == {"train": 12, "val": 4, "test": 4}


def test_a_folder_means_the_only_list_in_it(root: Path) -> None:
    pictures(root, 20)
    (root / "own" / "list.csv").write_text(rows(20, "path,label", "{n}.png,{m}"))
    assert prepare(CsvImages(path="own"), root, 0).counts == {"train": 12, "val": 4, "test": 4}
    (root / "own" / "other.csv").write_text("path,label\n")
    with pytest.raises(DataError, match=r"it must name the list, a CSV file\. Found: list\.csv, other\.csv"):
        prepare(CsvImages(path="own"), root, 0)
    for name in ("list.csv", "other.csv"):
        (root / "own" / name).unlink()
    with pytest.raises(DataError, match="Found: none"):
        prepare(CsvImages(path="own"), root, 0)


def test_a_pipe_is_no_list(root: Path) -> None:
    (root / "own").mkdir()
    os.mkfifo(root / "own" / "list.csv")
    with pytest.raises(DataError, match="is no file"):
        prepare(CsvImages(path="own/list.csv"), root, 0)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (
            "{n}.png,cat;dog{m}\n{n}.png,cat",
            r"line 2 holds 'cat;dog0', which looks like several labels separated by ';'",
        ),
        ("{n}.png,a|b{m}\n{n}.png,b0", r"'a\|b0'.*separated by '\|'"),
        ("{n}.png,{n}.5", "different numbers, as 0.5: values to be predicted, not classes"),
        ("{n}.png,{n}", "20 different numbers"),
        ('{n}.png,"{n},25"', "different numbers, as 0,25"),
    ],
)
def test_what_is_no_class_is_said(root: Path, line: str, word: str) -> None:
    with pytest.raises(DataError, match=word) as raised:
        listed(root, rows(20, "path,label", line))
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("line", ["{n}.png,{m}", "{n}.png,grade {m}.5", '{n}.png,"dog{m}, small"', "{n}.png,{m}.0"])
def test_usual_classes_are_classes(root: Path, line: str) -> None:
    pictures(root, 20)
    assert listed(root, rows(20, "path,label", line)).classes == 2


def test_a_missing_column_names_the_field_to_give(root: Path) -> None:
    with pytest.raises(
        DataError, match=r"no column 'label'; it has path, class\. Rename one, or give label_column=NAME"
    ):
        listed(root, "path,class\na.png,x\n")


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
