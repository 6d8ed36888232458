"""Folds that the samples or groups do not suffice for are refused in words, not by scikit-learn."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from made_images import class_folders

from bench.core.errors import DataError
from bench.data import Folds
from bench.data.audit.checks import audit
from bench.data.tables.splits import fold_numbers
from bench.datasets.csv_images import CsvImages

GROUPED = Folds(folds=5, train=(0, 1, 2), val=(3,), test=(4,), group="group")


def table(labels: list[int], groups: list[str] | None = None) -> pd.DataFrame:
    columns = {"label": labels, **({"group": groups} if groups else {})}
    return pd.DataFrame(columns)


def test_fewer_groups_than_folds() -> None:
    with pytest.raises(DataError, match="'group' holds 3 groups, fewer than the protocol's 5 folds"):
        GROUPED(table([0, 1] * 9, ["p", "q", "r"] * 6))


def test_every_class_smaller_than_the_folds() -> None:
    with pytest.raises(DataError, match="largest class has 3 samples, fewer than the protocol's 5 folds"):
        GROUPED(table([0, 0, 0, 1, 1, 1], list("pqrstu")))


def test_a_class_smaller_than_the_folds() -> None:
    with pytest.raises(DataError, match="smallest class has 2 samples"):
        Folds(folds=3, train=(0,), test=(1,))(table([0, 0, 0, 1, 1]))


def test_as_many_groups_as_folds_suffice() -> None:
    found = GROUPED(table([0, 1] * 10, [group for group in "pqrst" for _ in range(4)]))
    assert found.value_counts().to_dict() == {"train": 12, "val": 4, "test": 4}


def test_without_labels_folds_are_of_equal_size() -> None:
    numbers = fold_numbers(pd.DataFrame({"id": range(20)}), 5, random_state=1)
    assert pd.Series(numbers).value_counts().to_dict() == dict.fromkeys(range(5), 4)


def test_the_audit_reports_it(root: Path) -> None:
    class_folders(root / "own", each=6)
    lines = [f"c{label}/{n}.png,{label},p{n % 3}" for label in range(2) for n in range(6)]
    (root / "own" / "list.csv").write_text("\n".join(["path,label,group", *lines]))
    report = audit(CsvImages(path="own/list.csv", protocol="grouped"), root)
    (problem,) = report["problems"]
    assert (problem["kind"], problem["status"]) == ("protocol", "undeclared")
    assert "holds 3 groups" in problem["detail"]
