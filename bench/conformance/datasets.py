"""What every data set must do; each check takes a `DatasetCase`."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from bench.cells.notation import Spec
from bench.conformance.base import Skipped, require
from bench.core.errors import MissingData
from bench.data.base import Dataset, Flip, Sample, rows_of
from bench.data.formats.annotations import flaws
from bench.data.formats.extents import pixels
from bench.data.formats.folders import printable
from bench.data.prepare import SPLITS, Prepared, checked_table, class_name, prepare
from bench.plugins.registry import module_name, read
from bench.plugins.syntax import PACKAGE, assigned, parse, public_classes

if TYPE_CHECKING:
    import pandas as pd


_WHOLE: dict[str, object] = dict.fromkeys(("shots", "fraction", "val_shots", "val_fraction"))


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
    """Docstring, homepage and licence are filled in, every field is described, the default protocol exists."""
    dataset = case.dataset
    cls = type(dataset)
    require(bool(cls.__doc__) and cls.__doc__ != Dataset.__doc__, f"{cls.__name__} needs a docstring.")
    for name in ("homepage", "licence"):
        require(bool(getattr(dataset, name)), f"{cls.__name__} needs {name} = ... on its card.")
    for name, placeholder in _placeholders(cls.plugin_name()).items():
        text = cleandoc(cls.__doc__ or "") if name == "docstring" else getattr(dataset, name)
        require(placeholder not in text, f"The {name} of {cls.__name__} still says {placeholder!r}. Fill it in.")
    for name, field in cls.model_fields.items():
        require(bool(field.description), f"The field {name} needs a description: Field(..., description=...).")
    require(bool(dataset.protocols), f"{cls.__name__} needs protocols = {{...}}.")
    unknown = set(dataset.expected) - set(dataset.protocols)
    require(not unknown, f"expected names protocols that do not exist: {sorted(unknown)}.")
    wrong = sorted(set(dataset.forbidden_flips) - set(get_args(Flip)))
    require(not wrong, f"forbidden_flips names {wrong}; the axes are {', '.join(get_args(Flip))}.")


@cache
def _placeholders(plugin: str) -> dict[str, str]:
    """What `bench new dataset` writes for the author to replace: the docstring's first line, and texts of the card."""
    tree = parse(PACKAGE / "cli" / "templates" / "dataset.py.txt")
    (node,) = public_classes(tree)
    first = (ast.get_docstring(node) or "").partition("\n")[0].replace("NAME", plugin)
    values = {name: value for statement in node.body for name, value in assigned(statement) if value}
    texts = {name: ast.literal_eval(values[name]) for name in ("homepage", "licence", "citation", "download")}
    return {"docstring": first, **texts}


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
    """The table keeps the contract, comes out the same twice, names files that exist, and none under two ids."""
    case.prepared()
    first, second = (checked_table(case.dataset, case.root) for _ in range(2))
    require(first.equals(second), "samples() gives another table the second time; sort the files.")
    require(all(isinstance(name, str) for name in first["id"]), "The column id must hold text.")
    place = case.dataset.location(case.root)
    for path in first.get("path", ()):
        require((place / path).exists(), f"The table names {printable(path)}, which is not in {printable(place)}.")
    for protocol in case.dataset.applicable():
        twice = _one_image_twice(case, first[first["id"].isin(_used(case, protocol))])
        require(not twice, f"{' and '.join(twice)} are one image. Give each image one row, or it may be in two splits.")


def _used(case: DatasetCase, protocol: str) -> set[str]:
    """Ids in a split of a protocol; rows of which it leaves one out may show the same."""
    prepared = case.prepared(protocol=protocol)
    return {name for split in SPLITS for name in _ids(prepared, split)}


def _one_image_twice(case: DatasetCase, table: pd.DataFrame) -> tuple[str, ...]:
    """The first two ids with one place (path and index) and one content.

    A place may be shared by samples that differ: array files count each split from 0, and a volume may give several
    slices. So those that share one are read, in the table's order.
    """
    place = [column for column in ("path", "index") if column in table]
    shared = table[table.duplicated(place, keep=False)]
    seen: dict[tuple[object, ...], str] = {}
    keys = shared[place].itertuples(index=False, name=None)
    for key, sample in zip(keys, rows_of(case.dataset, shared, case.root), strict=True):
        content = hashlib.sha256(np.ascontiguousarray(case.dataset.read(sample)).tobytes()).hexdigest()
        if (*key, content) in seen:
            return seen[(*key, content)], sample.id
        seen[(*key, content)] = sample.id
    return ()


def check_protocols(case: DatasetCase) -> None:
    """Every protocol gives splits that are not empty where needed, trains every class, and hides no leak."""
    for protocol in case.dataset.applicable():
        prepared = case.prepared(protocol=protocol)
        untrained = [class_name(prepared.class_names, label) for label in prepared.untrained]
        require(case.partial or not untrained, f"{protocol}: no training sample of {', '.join(untrained)}.")
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
    """Preparing twice, the second time in a process with another hash seed, gives the same splits and identity.

    A class that is not a plug-in's (a test's own, say) cannot be found by another process, and is only prepared twice
    in this one.
    """
    first, second = case.prepared(), case.prepared()
    require(first.table.equals(second.table), "The splits differ from call to call.")
    require(first.identity == second.identity, "The data identity differs from call to call.")
    file = _plugin_file(type(case.dataset))
    if file is not None:
        other = _identity_elsewhere(file, case)
        require(first.identity == other, "Rows or splits differ in another process; sort what comes from a set.")


def _plugin_file(cls: type[Dataset]) -> Path | None:
    """The file that the registry loads this very class from."""
    module = sys.modules[cls.__module__]
    file = Path(getattr(module, "__file__", None) or "")
    if getattr(module, cls.__name__, None) is not cls or file.suffix != ".py":
        return None
    entry = read(file.absolute(), "datasets")
    found = entry is not None and not entry.problem and module_name(entry) == cls.__module__
    return file.absolute() if found else None


def _identity_elsewhere(file: Path, case: DatasetCase) -> str:
    """The data identity as a fresh process finds it, whose sets are in another order than here."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    arguments = [str(file), str(case.root), case.dataset.model_dump_json()]
    done = subprocess.run(
        [sys.executable, "-m", "bench.conformance.elsewhere", *arguments],
        env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    require(done.returncode == 0, f"Preparing in another process failed: {done.stderr.strip().rpartition(chr(10))[2]}")
    return done.stdout.strip().rpartition("\n")[2]


def check_shots(case: DatasetCase) -> None:
    """``shots`` and ``val_shots`` keep that many a class, nested, and leave the other splits alone."""
    if not case.dataset.task_plugin.single_label:
        raise Skipped(f"There are no classes to count in {case.dataset.task}.")
    whole = case.prepared(**_WHOLE)
    for field, split in (("shots", "train"), ("val_shots", "val")):
        counts = _per_class(whole, split)
        smallest = min((count for count in counts if count), default=0)
        steps = {n: case.prepared(**{**_WHOLE, field: n}) for n in (1, 2, 4, 8) if n <= smallest}
        for shots, few in steps.items():
            kept, found = [min(shots, count) for count in counts], _per_class(few, split)
            require(found == kept, f"{field}={shots} kept {found} samples of the classes, not {kept}.")
        _check_nested([*steps.values(), whole], split)


def _per_class(prepared: Prepared, split: str) -> list[int]:
    labels = prepared.table["label"].to_numpy()[prepared.rows(split)]
    return [int(count) for count in np.bincount(labels, minlength=prepared.classes)]


def check_fraction(case: DatasetCase) -> None:
    """``fraction`` and ``val_fraction`` are nested and leave the other splits alone."""
    whole = case.prepared(**_WHOLE)
    for field, split in (("fraction", "train"), ("val_fraction", "val")):
        if whole.counts[split]:
            steps = [case.prepared(**{**_WHOLE, field: share}) for share in (0.1, 0.5, 1.0)]
            _check_nested([*steps, whole], split)


def check_read(case: DatasetCase) -> None:
    """The first, middle and last sample can be cached, the same twice, with good targets.

    Samples are images or volumes, or vectors where the data set says what made them.
    """
    prepared = case.prepared()
    read = _vector if case.dataset.made_by(case.root) else pixels
    table = prepared.table.iloc[sorted({0, len(prepared.table) // 2, len(prepared.table) - 1})]
    for sample in rows_of(case.dataset, table, case.root):
        array, again = read(case.dataset, sample), read(case.dataset, sample)
        require(np.array_equal(array, again), f"read() gave other values the second time: {sample.id}.")
        wrong = [flaw.detail for flaw in flaws(case.dataset, [sample], prepared.classes) if flaw.fatal]
        require(not wrong, " ".join(wrong))


def _vector(dataset: Dataset, sample: Sample) -> np.ndarray:
    array = dataset.read(sample)
    vector = array.ndim == 1 and np.issubdtype(array.dtype, np.floating) and np.isfinite(array).all()
    require(vector, f"read() must give finite features (d,); {sample.id} is {array.dtype} {array.shape}.")
    return array


def _check_nested(chain: list[Prepared], split: str) -> None:
    for small, large in pairwise(chain):
        require(_ids(small, split) <= _ids(large, split), "Smaller subsets must be part of larger ones.")
        for other in {*SPLITS} - {split}:
            require(_ids(small, other) == _ids(large, other), f"A subset of {split} changed the {other} split.")


def _ids(prepared: Prepared, split: str) -> set[str]:
    return set(prepared.table["id"].iloc[prepared.rows(split)])


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
