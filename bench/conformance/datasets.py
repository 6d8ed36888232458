"""What every data set must do; each check takes a `DatasetCase`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.conformance import Skipped, require
from bench.data.base import Dataset, rows_of
from bench.data.prepare import Prepared, checked_table, prepare
from bench.errors import MissingData
from bench.spec import Spec


@dataclass(frozen=True)
class DatasetCase:
    """A data set with its fields, and where its data lie.

    Attributes:
        partial: The data at hand are known to be incomplete.
    """

    dataset: Dataset
    root: Path
    partial: bool = False

    def prepared(self, **fields: object) -> Prepared:
        """Prepare with some fields changed; skips the check where there are no data."""
        dataset = type(self.dataset)(**{**self.dataset.model_dump(), **fields})
        try:
            return prepare(dataset, self.root, data_seed=0, partial=True)
        except MissingData as error:
            raise Skipped(str(error)) from error


def check_card(case: DatasetCase) -> None:
    """The docstring, homepage and licence are there, every field is described, the default protocol exists."""
    dataset = case.dataset
    cls = type(dataset)
    require(bool(cls.__doc__) and cls.__doc__ != Dataset.__doc__, f"{cls.__name__} needs a docstring.")
    for name in ("homepage", "licence"):
        require(bool(getattr(dataset, name)), f"{cls.__name__} needs {name} = ... on its card.")
    for name, field in cls.model_fields.items():
        require(bool(field.description), f"The field {name} needs a description: Field(..., description=...).")
    require(bool(dataset.protocols), f"{cls.__name__} needs protocols = {{...}}.")
    unknown = set(dataset.expected) - set(dataset.protocols)
    require(not unknown, f"expected names protocols that do not exist: {sorted(unknown)}.")


def check_name(case: DatasetCase) -> None:
    """The name with its fields parses back to the same data set."""
    text = str(Spec(case.dataset.plugin_name(), case.dataset.changed()))
    spec = Spec.parse(text)
    require(type(case.dataset).build(spec.name, spec.params) == case.dataset, f"{text} does not parse back.")


def check_missing_data(case: DatasetCase) -> None:
    """Without data there is one clear message with the place and the licence."""
    if not case.dataset.folder:
        raise Skipped("The data are embedded or come from a field.")
    with tempfile.TemporaryDirectory() as empty:
        try:
            case.dataset.samples(Path(empty))
        except MissingData as error:
            require(case.dataset.folder in str(error), f"The missing-data message does not say where: {error}")
            require(len(str(error).splitlines()) <= 2, "The missing-data message has more than two lines.")
            return
    require(False, "samples() must raise MissingData (use self.require(root)) where there are no data.")


def check_table(case: DatasetCase) -> None:
    """The table keeps the contract, comes out the same twice, and its files exist."""
    case.prepared()
    first, second = (checked_table(case.dataset, case.root) for _ in range(2))
    require(first.equals(second), "samples() gives another table the second time; sort the files.")
    require(all(isinstance(name, str) for name in first["id"]), "The column id must hold text.")
    place = case.dataset.location(case.root)
    for path in first.get("path", ()):
        require((place / path).is_file(), f"The table names {path}, which is not in {place}.")


def check_protocols(case: DatasetCase) -> None:
    """Every protocol gives disjoint splits, never empty where needed, and hides no leak."""
    for protocol in case.dataset.applicable():
        prepared = case.prepared(protocol=protocol)
        rows = np.concatenate([prepared.rows(split) for split in ("train", "val", "test")])
        require(len(rows) == len(set(rows)) > 0, f"{protocol}: the splits share samples.")
        criterion = prepared.dataset.rule.selection
        has_val = prepared.counts["val"] > 0
        require(
            has_val or criterion is not None, f"{protocol}: without validation data the rule must name a selection."
        )


def check_expected_counts(case: DatasetCase) -> None:
    """The data at hand have the expected counts."""
    if case.partial:
        raise Skipped("The data are partial.")
    if not any(case.dataset.under(protocol).expects() for protocol in case.dataset.applicable()):
        raise Skipped("The card states no expected counts.")
    for protocol in case.dataset.applicable():
        differences = case.prepared(protocol=protocol).differences
        require(not differences, f"{protocol}: {differences}")


def check_determinism(case: DatasetCase) -> None:
    """Preparing twice gives the same splits and identity."""
    first, second = case.prepared(), case.prepared()
    require(first.table.equals(second.table), "The splits differ from call to call.")
    require(first.identity == second.identity, "The data identity differs from call to call.")


def check_shots(case: DatasetCase) -> None:
    """``shots`` keeps that many a class, nested, and leaves validation and test alone."""
    whole = case.prepared(shots=None, fraction=None)
    smallest = np.unique(whole.table["label"].to_numpy()[whole.rows("train")], return_counts=True)[1].min()
    steps = [shots for shots in (1, 2, 4, 8) if shots <= smallest]
    _check_nested([*(case.prepared(shots=shots, fraction=None) for shots in steps), whole])


def check_fraction(case: DatasetCase) -> None:
    """``fraction`` is nested and leaves validation and test alone."""
    whole = case.prepared(shots=None, fraction=None)
    _check_nested([*(case.prepared(shots=None, fraction=share) for share in (0.1, 0.5, 1.0)), whole])


def check_read(case: DatasetCase) -> None:
    """The first, middle and last sample are uint8 images or volumes, the same twice."""
    prepared = case.prepared()
    table = prepared.table.iloc[sorted({0, len(prepared.table) // 2, len(prepared.table) - 1})]
    for sample in rows_of(case.dataset, table, case.root):
        array = case.dataset.read(sample)
        require(array.dtype == np.uint8, f"read() gave {array.dtype} for {sample.id}, expected uint8.")
        require(array.ndim in (3, 4) and array.size > 0, f"read() gave the shape {array.shape} for {sample.id}.")
        require(
            np.array_equal(array, case.dataset.read(sample)), f"read() gave other values the second time: {sample.id}."
        )


def _check_nested(chain: list[Prepared]) -> None:
    for small, large in pairwise(chain):
        require(set(small.rows("train")) <= set(large.rows("train")), "Smaller subsets must be part of larger ones.")
        for split in ("val", "test"):
            require(
                np.array_equal(small.rows(split), large.rows(split)), f"A training subset changed the {split} split."
            )


CHECKS: tuple[Callable[[DatasetCase], None], ...] = (
    check_card,
    check_name,
    check_missing_data,
    check_table,
    check_protocols,
    check_expected_counts,
    check_determinism,
    check_shots,
    check_fraction,
    check_read,
)
