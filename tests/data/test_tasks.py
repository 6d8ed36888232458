"""The base of data sets holds for every task: only those of one class a sample need labels."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from cached import cached
from made_images import pixels

from bench.conformance.base import examine
from bench.conformance.datasets import CHECKS, DatasetCase
from bench.core.errors import DataError, UsageError
from bench.data import Dataset, Folds, Official, Sample, Split
from bench.data.audit.checks import audit, is_clean
from bench.data.prepare import prepare

pytestmark = pytest.mark.usefixtures("outlines")
SPLITS = ["train"] * 12 + ["val"] * 4 + ["test"] * 4


class Cells(Dataset):
    """Twenty pictures of cells, to be segmented; made for a test."""

    homepage = "https://cells.test"
    licence = "CC0"
    task = "outlines"
    classes = ("outside", "wall", "inside")
    protocols: ClassVar[dict[str, Split]] = {
        "given": Official(),
        "folds": Folds(folds=5, train=(0, 1, 2), val=(3,), test=(4,)),
    }

    def samples(self, root: Path) -> pd.DataFrame:
        return pd.DataFrame({"id": [f"cell{n:02d}" for n in range(20)], "index": range(20), "split": SPLITS})

    def read(self, sample: Sample) -> np.ndarray:
        return pixels(sample.index)

    def read_target(self, sample: Sample) -> np.ndarray:
        return pixels(sample.index, channels=1)[..., 0] % 3


class Unlabelled(Cells):
    """The same table, wrongly said to be for classification."""

    task = "classification"


def test_no_labels_are_needed(root: Path) -> None:
    prepared = prepare(Cells(), root, 0)
    assert prepared.counts == {"train": 12, "val": 4, "test": 4}
    assert (prepared.classes, prepared.untrained) == (3, ())
    assert prepare(Cells(protocol="folds"), root, 0).counts == {"train": 12, "val": 4, "test": 4}
    assert cached(prepared, 8).shape == (20, 8, 8, 3)


def test_classification_needs_labels(root: Path) -> None:
    with pytest.raises(DataError, match="no column 'label', which a classification data set needs"):
        prepare(Unlabelled(), root, 0)


def test_a_fraction_is_kept_and_nested(root: Path) -> None:
    few, many = (prepare(Cells(fraction=share), root, 0).rows("train") for share in (0.25, 0.5))
    assert (len(few), len(many)) == (3, 6)
    assert set(few) < set(many)


def test_shots_count_samples_of_classes() -> None:
    with pytest.raises(UsageError, match=r"shots counts samples per class.*outlines data set; give fraction"):
        Cells.build("cells", {"shots": 2})


def test_the_audit_looks_at_everything_but_labels(root: Path) -> None:
    report = audit(Cells(), root)
    assert is_clean(report)
    assert set(report["protocols"]) == {"given", "folds"}


def test_equal_pixels_are_found_without_labels(root: Path) -> None:
    class Copied(Cells):
        """The last picture is the first one again."""

        def read(self, sample: Sample) -> np.ndarray:
            return pixels(sample.index % 19)

    report = audit(Copied(), root)
    assert [(found["samples"], found["labels"]) for found in report["duplicates"]] == [(["cell00", "cell19"], [])]
    assert not is_clean(report)


def test_the_checks_hold(root: Path) -> None:
    verdicts = {verdict.check: verdict for verdict in examine(DatasetCase(Cells(), root), CHECKS)}
    assert {check: verdict.problem for check, verdict in verdicts.items() if verdict.problem} == {}
    assert {check for check, verdict in verdicts.items() if verdict.skipped} == {
        "missing_data",
        "expected_counts",
        "shots",
    }


def test_maps_that_do_not_lie_on_their_inputs_are_found(root: Path) -> None:
    class Askew(Cells):
        """Every map is turned."""

        def read_target(self, sample: Sample) -> np.ndarray:
            return super().read_target(sample).T

    verdicts = {verdict.check: verdict for verdict in examine(DatasetCase(Askew(), root), CHECKS)}
    assert verdicts["read"].problem.startswith("The label map of cell00 is (12, 10), but its input is (10, 12).")


def test_a_task_that_is_not_there_is_told(root: Path) -> None:
    class Lost(Cells):
        """Names no task."""

        task = "outlined"

    with pytest.raises(UsageError, match=r"No task 'outlined'\. Did you mean 'outlines'"):
        prepare(Lost(), root, 0)


def test_flips_may_depend_on_a_field(root: Path) -> None:
    class Sided(Cells):
        """Left and right matter in one view only."""

        view: str = "front"

        @property
        def forbidden_flips(self) -> tuple[str, ...]:  # type: ignore[override]
            return ("horizontal",) if self.view == "front" else ()

    assert Sided().forbidden_flips == ("horizontal",)
    assert Sided(view="side").forbidden_flips == ()
