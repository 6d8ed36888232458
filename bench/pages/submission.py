"""Results from outside: whether a folder of records and predictions holds together, and taking it in.

Nothing is trained: every metric is computed again from the predictions, and what records say of themselves is compared
with the code here and with the records of the same data.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from bench.core.commands import command
from bench.core.errors import BenchError, UsageError
from bench.pages.recomputed import Arrays, items_recomputed, outputs_of, recomputed
from bench.records import Record, Store, prediction_key
from bench.records.files import digest
from bench.records.review_status import advance
from bench.tables.metrics import metrics_of
from bench.tables.stale import stale_reason

Level = Literal["error", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing to know of a submission.

    Attributes:
        level: An "error" refuses the submission, a "note" is for the reader.
        kind: ``metric``, ``items``, ``ids``, ``targets``, ``fingerprint``, ``duplicate``, ``record``, ``selection``.
    """

    level: Level
    kind: str
    cell: str
    text: str


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what was found."""

    records: int
    metrics: int
    findings: list[Finding]

    @property
    def accepted(self) -> bool:
        """Whether nothing speaks against taking it in."""
        return self.records > 0 and not any(finding.level == "error" for finding in self.findings)


def check(folder: Path, results: Path | None = None) -> Checked:
    """Check a folder of records and predictions.

    Args:
        results: Records that are known already: data, targets and predictions are compared with theirs too.

    Raises:
        UsageError: There is no such folder, or it holds no records.
    """
    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {folder}. Name the one that holds DATASET/BACKBONE/METHOD/RECIPE/seed=N.json."
        )
    seen, findings, metrics, count = _Seen(), [], 0, 0
    for record, arrays, _ in _opened(Store(results)) if results is not None else ():
        if record is not None:
            list(seen.compare(record, arrays))
    for record, arrays, problem in _opened(Store(folder), folder):
        count += 1
        if record is None or problem is not None:
            findings += [problem] if problem else []
            continue
        metrics += sum(len(values) for stage in record.stages for values in stage.metrics.values())
        findings += [*check_record(record, arrays), *seen.compare(record, arrays)]
    if not count:
        raise UsageError(
            f"No records in {folder}. It must hold DATASET/BACKBONE/METHOD/RECIPE/seed=N.json with its npz."
        )
    return Checked(count, metrics, findings)


def _opened(store: Store, checked: Path | None = None) -> Iterator[tuple[Record | None, Arrays, Finding | None]]:
    """Records with their predictions; of a folder that is checked also what could not be opened, and why."""
    for path in store.paths():
        record, arrays, problem = _open(store, path)
        if record is not None and problem is None:
            yield record, arrays, None
        elif checked is not None and problem is not None:
            yield record, {}, problem


def _open(store: Store, path: Path) -> tuple[Record | None, Arrays, Finding | None]:
    name = str(path.relative_to(store.folder))
    try:
        record = store.at(path)
        if record is None or record.status == "failed":
            return record, {}, None
        return record, store.pair(record.cell)[1], None
    except BenchError as error:
        return None, {}, Finding("error", "record", name, str(error))


def check_record(record: Record, arrays: Arrays) -> Iterator[Finding]:
    """What is wrong with one record by itself: its arrays, its metrics, its fingerprints."""

    def found(level: Level, kind: str, text: str) -> Finding:
        return Finding(level, kind, record.cell, text)

    if record.status == "failed":
        yield found("note", "record", f"a failure: {record.error.kind if record.error else 'unknown'}")
        return
    try:
        metrics_of(record.task)
    except BenchError as error:
        yield found("error", "record", str(error))
        return
    for split in sorted({split for stage in record.stages for split in stage.metrics}):
        yield from (found("error", kind, text) for kind, text in _split_problems(record, arrays, split))
    for stage in record.stages:
        yield from (found("error", "metric", text) for text in recomputed(record, stage, arrays))
        yield from (found("error", "items", text) for text in items_recomputed(record, stage, arrays))
    if reason := stale_reason(record):
        yield found("error", "fingerprint", reason)
    if record.flags.test_selected or (record.selection is not None and record.selection.by == "test"):
        yield found("note", "selection", "the epoch was chosen on the test split")
    if record.git_revision.endswith("+"):
        yield found("note", "fingerprint", "made by a checkout with changes that no revision holds")


def _split_problems(record: Record, arrays: Arrays, split: str) -> Iterator[tuple[str, str]]:
    """Ids that repeat, and arrays that are not of the same samples."""
    ids, targets = arrays.get(prediction_key(split, "ids")), arrays.get(prediction_key(split, "targets"))
    if ids is None or targets is None:
        yield "ids", f"{split}: ids or targets are not stored"
        return
    if len(set(ids.tolist())) < len(ids):
        yield "ids", f"{split}: {len(ids) - len(set(ids.tolist()))} ids occur more than once"
    if len(targets) != len(ids):
        yield "targets", f"{split}: {len(targets)} targets for {len(ids)} ids"
    for stage in record.stages:
        if split in stage.n and stage.n[split] != len(ids):
            yield "ids", f"{split}: {stage.name} says {stage.n[split]} samples, {len(ids)} are stored"


class _Seen:
    """What other records said of the same things: targets of a sample, data of a split, predictions."""

    def __init__(self) -> None:
        self.targets: dict[tuple[str, ...], dict[str, bytes]] = defaultdict(dict)
        self.data: dict[tuple[str, ...], tuple[str, str]] = {}
        self.predictions: dict[str, Record] = {}

    def compare(self, record: Record, arrays: Arrays) -> Iterator[Finding]:
        """What contradicts an earlier record; the record is then one of them."""
        if record.status != "done":
            return
        yield from self._targets(record, arrays)
        yield from self._data(record)
        yield from self._duplicates(record, arrays)

    def _targets(self, record: Record, arrays: Arrays) -> Iterator[Finding]:
        ids, targets = arrays.get(prediction_key("test", "ids")), arrays.get(prediction_key("test", "targets"))
        if ids is None or targets is None or len(ids) != len(targets):
            return
        known = self.targets[record.task, _flavour(record)]
        own = {str(name): np.asarray(target).tobytes() for name, target in zip(ids, targets, strict=True)}
        differing = [name for name, target in own.items() if known.get(name, target) != target]
        if differing:
            text = f"{len(differing)} test samples have other targets than in other records, as {differing[0]}"
            yield Finding("error", "targets", record.cell, text)
        known.update({name: target for name, target in own.items() if name not in known})

    def _data(self, record: Record) -> Iterator[Finding]:
        """The same data set, protocol, subset and data seed have one fingerprint of the data."""
        place = (record.cell.partition("/")[0], _flavour(record), str(record.data_seed))
        data = record.fingerprints.get("data", "")
        cell, known = self.data.setdefault(place, (record.cell, data))
        if known != data:
            yield Finding("error", "fingerprint", record.cell, f"its data are not those of {cell}")

    def _duplicates(self, record: Record, arrays: Arrays) -> Iterator[Finding]:
        """Methods that learn by gradient steps never give the same numbers twice."""
        if not record.stages:
            return
        outputs = outputs_of(arrays, "test", record.stages[-1].name)
        ids = arrays.get(prediction_key("test", "ids"))
        if not outputs or ids is None:
            return
        key = hashlib.sha256(digest({**outputs, "ids": ids}).encode()).hexdigest()
        other = self.predictions.setdefault(key, record)
        if other.cell != record.cell and not _may_agree(record, other):
            yield Finding("error", "duplicate", record.cell, f"its test predictions are those of {other.cell}")


def _may_agree(one: Record, other: Record) -> bool:
    """Runs of one method without epochs may be the same for every seed."""
    same = one.method == other.method and one.backbone == other.backbone
    return same and not any(stage.epochs for stage in (*one.stages, *other.stages))


def _flavour(record: Record) -> str:
    """The data set with the fields that decide its test split."""
    subsets = ("shots", "fraction", "val_shots", "val_fraction")
    params = {name: value for name, value in record.dataset.params.items() if name not in subsets}
    return f"{record.dataset.name} {sorted(params.items(), key=str)}"


def take_in(folder: Path, results: Path, by: str) -> list[str]:
    """Copy a submission that passes its checks into a results folder, marked as submitted.

    Returns:
        The cells taken in; those that are there with the same predictions stay as they are.

    Raises:
        UsageError: A check fails, or another result of a cell is there already.
    """
    checked = check(folder, results)
    if not checked.accepted:
        again = command("submit", "check", folder, results=results)
        raise UsageError(f"The submission has problems. See them with `{again}`.")
    source, target = Store(folder), Store(results)
    runs = [source.pair(record.cell) for record in source.all() if record.status == "done"]
    new = [(record, arrays) for record, arrays in runs if not _present(target, record)]
    advance(results, [record for record, _ in new], "submitted", by)  # first: one that lies unmarked is our own
    return [target.put(record, arrays).cell for record, arrays in new]


def _present(target: Store, record: Record) -> bool:
    known = target.get(record.cell)
    if known is not None and known.predictions != record.predictions:
        raise UsageError(f"{record.cell} has another result in {target.folder}. Move it away first, or leave it out.")
    return known is not None


def set_status(results: Path, records: Iterable[Record], status: str, by: str) -> list[str]:
    """Say that finished records from outside were rerun or confirmed; errors are those of `advance`."""
    steps = advance(results, [record for record in records if record.status == "done"], status, by)
    return [step.cell for step in steps]
