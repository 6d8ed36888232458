"""Lists with several labels a sample, and with numbers: what is read, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_images import picture
from made_labels import listed_digits

from bench.core.errors import DataError
from bench.data.audit.checks import audit
from bench.data.prepare import Prepared, prepare
from bench.datasets.csv_images import CsvImages

LABELS: dict[str, Any] = {"task": "multilabel", "label_columns": ("a", "b")}
NUMBER: dict[str, Any] = {"task": "regression", "label_column": "mm"}


def listed(root: Path, lines: list[str], **fields: Any) -> Prepared:
    for number in range(len(lines) - 1):
        picture(root / "own" / f"{number}.png", number)
    (root / "own" / "list.csv").write_text("\n".join([lines[0], *(f"{n}.png,{x}" for n, x in enumerate(lines[1:]))]))
    return prepare(CsvImages(path="own/list.csv", **fields), root, 0)


def targets(prepared: Prepared) -> list[list[float]]:
    rows: list[list[float]] = prepared.dataset.task_plugin.targets(prepared.table).tolist()
    return rows


def test_columns_of_0_and_1_are_labels(root: Path) -> None:
    lines = [f"{n % 2},{('yes', 'no')[n % 2]}" for n in range(10)]
    prepared = listed(root, ["path,odd,even", *lines], task="multilabel", label_columns=("odd", "even"))
    assert prepared.class_names == ("odd", "even")
    assert prepared.counts == {"train": 6, "val": 2, "test": 2}
    assert targets(prepared) == [[0, 1], [1, 0]] * 5


def test_cells_name_labels_or_none(root: Path) -> None:
    lines = [("rust;crack", "crack", "", "rust ; crack")[n % 4] for n in range(20)]
    prepared = listed(root, ["path,label", *lines], task="multilabel")
    assert prepared.class_names == ("crack", "rust")
    assert targets(prepared)[:4] == [[1, 1], [1, 0], [0, 0], [1, 1]]


def test_numbers_are_read_with_either_decimal_mark(root: Path) -> None:
    prepared = listed(root, ["path,mm", *[f"{n}.5" for n in range(10)]], task="regression", label_column="mm")
    assert targets(prepared) == [n + 0.5 for n in range(10)]
    assert prepared.classes == 0
    (root / "own" / "list.csv").write_text("path;mm\n" + "".join(f"{n}.png;{n},5\n" for n in range(10)))
    again = prepare(CsvImages(path="own/list.csv", task="regression", label_column="mm"), root, 0)
    assert targets(again) == targets(prepared)


@pytest.mark.parametrize(
    ("header", "cell", "fields", "said"),
    [
        ("path,a,b", "1,2", LABELS, r"line 2, column 'b': '2' is not 0 or 1"),
        ("path,a,b", "1,", LABELS, r"line 2: b is empty"),
        ("path,a,bb", "1,0", LABELS, r"no column 'b';.*'bb'"),
        ("path,mm", "12 mm", NUMBER, r"column 'mm': '12 mm' is no number"),
        ("path,mm", "inf", NUMBER, r"'inf' is no number"),
    ],
)
def test_wrong_cells_are_named(root: Path, header: str, cell: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        listed(root, [header, *[cell] * 10], **fields)


def test_labels_without_a_training_sample_are_refused(root: Path) -> None:
    lines = [f"{n % 2},0" for n in range(10)]
    with pytest.raises(DataError, match=r"no training sample of 1 class\(es\): never"):
        listed(root, ["path,odd,never", *lines], task="multilabel", label_columns=("odd", "never"))


def test_a_list_that_is_refused_as_classes_is_told_its_task(root: Path) -> None:
    with pytest.raises(DataError, match="task=regression"):
        listed(root, ["path,label", *[f"{n}.25" for n in range(20)]])
    with pytest.raises(DataError, match="task=multilabel"):
        listed(root, ["path,label", *[("a;b", "b;a", "a")[n % 3] for n in range(20)]])


def test_label_columns_need_their_task() -> None:
    with pytest.raises(ValueError, match="give task=multilabel"):
        CsvImages(path="list.csv", label_columns=("a",))


def test_the_audit_counts_labels_and_tells_the_spread_of_numbers(root: Path) -> None:
    listed_digits(root / "digits")
    fields: dict[str, Any] = {"path": "digits/list.csv", "task": "multilabel", "label_columns": ("round", "even")}
    told = audit(CsvImages(**fields), root)
    assert set(told["classes"]) == {"round", "even"}
    assert sum(told["classes"].values()) == int(np.sum(CsvImages(**fields).samples(root)["labels"].tolist()))
    told = audit(CsvImages(path="digits/list.csv", task="regression", label_column="value"), root)
    assert (told["values"]["lowest"], told["values"]["highest"]) == (0.5, 90.5)
