"""The shipped checks tell what is wrong with broken data sets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_images import class_folders, stubs
from pydantic import field_validator

from bench.conformance.base import Check, Violation, examine
from bench.conformance.datasets import CHECKS, DatasetCase
from bench.data import Dataset, Folds, Official
from bench.datasets.image_folder import ImageFolder
from bench.plugins import registry


def named(name: str) -> Check:
    return next(check for check in CHECKS if check.__name__ == f"check_{name}")


class Broken(ImageFolder):
    """A data set that a test breaks."""


def broken(**members: Any) -> type[Dataset]:
    return type(
        "Broken", (Broken,), {**members, "__module__": __name__, "__doc__": members.pop("doc", "Made to fail.")}
    )


def unsorted(self: ImageFolder, root: Path) -> pd.DataFrame:
    return ImageFolder.samples(self, root).sample(frac=1, ignore_index=True)


def floats(self: ImageFolder, sample: Any) -> np.ndarray:
    return np.zeros((4, 4, 3))


def noisy(self: ImageFolder, sample: Any) -> np.ndarray:
    return np.frombuffer(os.urandom(48), dtype=np.uint8).reshape(4, 4, 3)


def twice(self: ImageFolder, root: Path) -> pd.DataFrame:
    """Rows of files are distinguished by their index, which is the same here, so no file looks doubled."""
    table = ImageFolder.samples(self, root).assign(index=0)
    return pd.concat([table, table.assign(id="again/" + table["id"])], ignore_index=True)


def fewer_tests(self: ImageFolder, root: Path) -> pd.DataFrame:
    """The subset reaches the test split: with one, a test sample goes."""
    table = ImageFolder.samples(self, root).assign(fold="train")
    table.loc[table.groupby("label").cumcount() > 6, "fold"] = "test"
    return table if self.shots is None and self.fraction is None else table.iloc[:-1]


def one_class(self: ImageFolder, root: Path) -> pd.DataFrame:
    """With shots, the second class keeps only its test samples."""
    table = ImageFolder.samples(self, root).assign(fold="train")
    table.loc[table.groupby("label").cumcount() > 6, "fold"] = "test"
    if self.shots is not None:
        table.loc[(table["label"] == 1) & (table["fold"] == "train"), "fold"] = ""
    return table


def not_nested(self: ImageFolder, root: Path) -> pd.DataFrame:
    """Every fraction trains on other samples."""
    table = ImageFolder.samples(self, root).assign(fold="test")
    number = table.groupby("label").cumcount()
    table.loc[number.between(0, 3) if self.fraction == 0.5 else number.between(4, 7), "fold"] = "train"
    table.loc[number < 8, "fold"] = table["fold"].where(table["fold"] == "train", "")
    return table


FOLD = {"holdout": Official(column="fold", selection="last")}
FLAWS: list[tuple[str, dict[str, Any], str]] = [
    ("card", {"licence": ""}, "needs licence"),
    ("card", {"expected": {"nowhere": {}}}, "protocols that do not exist"),
    ("card", {"homepage": "https://example.org"}, "still says 'https://example.org'"),
    ("card", {"licence": "say which"}, "Fill it in"),
    ("card", {"forbidden_flips": ("sideways",)}, "forbidden_flips names ['sideways']; the axes are horizontal"),
    ("name", {"grow": field_validator("path")(lambda path: path + "/")}, "does not parse back"),
    ("table", {"samples": unsorted}, "another table the second time"),
    ("table", {"samples": twice}, "c0/0.png and again/c0/0.png are one image"),
    ("shots", {"samples": fewer_tests, "protocols": FOLD}, "changed the test split"),
    ("shots", {"samples": one_class, "protocols": FOLD}, "shots=1 kept [1, 0] samples of the classes, not [1, 1]"),
    ("fraction", {"samples": fewer_tests, "protocols": FOLD}, "changed the test split"),
    ("fraction", {"samples": not_nested, "protocols": FOLD}, "must be part of larger ones"),
    ("determinism", {"samples": unsorted}, "differ"),
    ("read", {"read": floats}, "Set intensity to the window"),
    ("read", {"read": noisy}, "other values the second time"),
    ("protocols", {"protocols": {"holdout": Folds(folds=2, train=(0,), test=(1,))}}, "must name a selection"),
    ("protocols", {"protocols": {"holdout": Official(column="nowhere")}}, "needs the column"),
    ("expected_counts", {"expected": {"holdout": {"train": 99}}}, "99"),
]


@pytest.mark.parametrize(("check", "members", "message"), FLAWS, ids=[f"{flaw[0]}-{n}" for n, flaw in enumerate(FLAWS)])
def test_a_broken_data_set_is_told_what_is_wrong(root: Path, check: str, members: dict[str, Any], message: str) -> None:
    class_folders(root / "own", each=10)
    case = DatasetCase(broken(**members)(path="own"), root)
    (verdict,) = examine(case, [named(check)])
    assert verdict.problem is not None
    assert message in verdict.problem


def test_a_set_that_does_not_say_what_is_missing(root: Path) -> None:
    silent = broken(folder="somewhere", samples=lambda self, root: pd.DataFrame({"id": [], "label": []}))
    with pytest.raises(Violation, match="must raise MissingData"):
        named("missing_data")(DatasetCase(silent(path="own"), root))


HASHED = '''"""Rows in the order of a set."""
from bench.data import Official
from bench.data.formats.folders import file_table
from bench.datasets.image_folder import ImageFolder


class Hashed(ImageFolder):
    """Which samples train depends on the hash seed of the process."""

    protocols = {"hashed": Official(selection="last")}

    def _parts(self, place):
        return ["."]

    def samples(self, root):
        table = super().samples(root)
        chosen = list(set(table["id"]))[: len(table) // 2]
        table["split"] = table["id"].isin(chosen).map({True: "train", False: "test"})
        return table
'''


@pytest.mark.parametrize(("order", "passes"), [("list", False), ("sorted", True)])
def test_an_order_that_depends_on_the_process_is_found(
    root: Path, plugin_folder: Path, order: str, passes: bool
) -> None:
    class_folders(root / "own", each=10)
    file = plugin_folder / f"hashed_{order}.py"
    file.write_text(HASHED.replace("list(", f"{order}("))
    (verdict,) = examine(DatasetCase(registry.load_file(file)(path="own"), root), [named("determinism")])
    assert verdict.problem == (
        None if passes else "Rows or splits differ in another process; sort what comes from a set."
    )


def test_a_class_that_is_never_trained_is_a_flaw_of_whole_data_only(root: Path) -> None:
    for split, classes in (("train", 2), ("test", 3)):
        class_folders(root / "own" / split, classes=classes, height=9 + classes)
    dataset = ImageFolder(path="own", protocol="split_without_val")
    (verdict,) = examine(DatasetCase(dataset, root), [named("protocols")])
    assert "no training sample of c2" in str(verdict.problem)
    named("protocols")(DatasetCase(dataset, root, partial=True))


def test_a_leak_is_found(root: Path) -> None:
    for number, split in enumerate(("train", "test")):
        class_folders(root / "own" / split, height=9 + number)
    stubs(root / "own", ["train/c0/x.png"])
    (root / "own" / "test" / "c0" / "x.png").write_bytes((root / "own" / "train" / "c0" / "x.png").read_bytes())
    (verdict,) = examine(DatasetCase(ImageFolder(path="own", protocol="split_without_val"), root), [named("protocols")])
    assert "duplicate(s) in several splits" in str(verdict.problem)
