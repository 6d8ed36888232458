"""Lists of images of one's own: columns, classes, splits, and what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from made_images import picture

from bench.cells.notation import Spec
from bench.core.errors import DataError, MissingData
from bench.data.prepare import Prepared, prepare
from bench.datasets.csv_images import CsvImages


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
        ("", "no column 'path'"),
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
