"""Predictions made elsewhere, taken in as a record: judged by our task on our split, and never as one of our budgets.

A cell of an import is ``DATASET/outside/imported[name=NAME]/imported/seed=N``. No other cell has its recipe, so its row
stands in a block of its own: no verdict compares it with what was trained here.
"""

from __future__ import annotations

import csv
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.cells.cell import Cell
from bench.cells.notation import Spec
from bench.core.environment import environment, git_revision
from bench.core.errors import UsageError, nearest
from bench.core.numerics import ENGINE_VERSION
from bench.data.base import Dataset
from bench.data.prepare import Prepared, class_name, prepare
from bench.data.tables.splits import EXTERNAL
from bench.engine.record_builder import items_told
from bench.plugins import registry
from bench.plugins.fingerprint import code_identity
from bench.records import Flags, Part, Record, Selection, StageResult, Store, prediction_key
from bench.records.evaluation_log import Evaluation, append, now
from bench.records.schema import CLASS_NAMES, IMPORTED
from bench.tasks.base import Task

BACKBONE, STAGE = "outside", "imported"
SPLITS = ("val", "test", EXTERNAL)
KINDS = ("probabilities", "logits")
ROUNDED = 0.05  # how far from 1 the sum of probabilities may lie that were rounded to two digits
EXACT = 1e-3  # so far from 1 nothing is said of it
NOISE = 1e-6  # by which a computed probability may lie below 0
TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Scores:
    """What a file holds.

    Attributes:
        ids: (n,) of samples, as the data set's table names them.
        values: (n, C) logits.
        kind: How the file gave them: "probabilities", whose logarithm is taken, or "logits".
        remark: What was done to them that whoever made them should know, or nothing.
    """

    ids: list[str]
    values: np.ndarray
    kind: str
    remark: str = ""


def take_in(
    file: Path,
    dataset: str,
    name: str,
    results: Path,
    root: Path,
    seed: int = 0,
    partial: bool = False,
    kind: str = "",
) -> tuple[Record, Scores]:
    """Judge a file of predictions and store its record.

    Args:
        file: ``.csv`` or ``.npz``; see `read`.
        dataset: As a cell names it.
        name: What to call whoever made them.
        root: The data root, since ids and targets come from the data set itself.
        seed: Which of several runs this is.
        partial: Accept data sets whose counts differ.
        kind: What the scores are, one of `KINDS`; empty: as they look.

    Raises:
        UsageError: The file does not fit the data set or its task, or another import has its place.
        DataError: The data are missing or do not match.
    """
    spec = Spec.parse(dataset)
    built: Dataset = registry.load("datasets", spec.name).build(spec.name, spec.params)
    task = built.task_plugin
    if not task.single_label:
        raise UsageError(f"{spec.name} is a {built.task} data set; predictions of classes alone can be imported.")
    prepared = prepare(built, root, seed, partial)
    scores = read(file, prepared, kind)
    method = Spec("imported", {"name": name})
    cell = Cell(Spec(spec.name, built.changed()), Spec(BACKBONE, {}), method, Spec(IMPORTED, {}), seed)
    record, arrays = _record(str(cell), built, prepared, task, scores, file)
    store = Store(results)
    known = store.get(record.cell)
    if known is not None and known.diagnostics != record.diagnostics:
        raise UsageError(f"{record.cell} was imported from another file. Give another --name or --seed.")
    append(results, Evaluation(record.cell, STAGE, record.fingerprints, record.protocol, 1, now()))
    return store.put(record, arrays), scores


def read(file: Path, prepared: Prepared, kind: str = "") -> Scores:
    """Predictions by id: a CSV file with a column ``id`` (or ``file``) and one a class, all called by their names, by
    ``p(NAME)`` or by their numbers; or an npz file with ``ids`` (n,) and ``scores`` (n, C).

    Values that are not negative and whose rows have a sum near 1 are probabilities, rounded perhaps, and divided by it.

    Args:
        kind: One of `KINDS`; empty: as they look.

    Raises:
        UsageError: The file is missing or damaged, a column lacks, its columns can be read in two ways, an id stands
            twice, a score is no finite number, or nobody can tell what the scores are.
    """
    if kind and kind not in KINDS:
        raise UsageError(f"No kind of scores {kind!r}. {nearest(kind, KINDS)}")
    ids, values = (_npz if file.suffix.lower() == ".npz" else _csv)(file, prepared)
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise UsageError(f"{file}: the id {twice!r} stands twice.")
    if values.shape != (len(ids), prepared.classes):
        raise UsageError(f"{file} holds scores {values.shape} of {len(ids)} ids and {prepared.classes} classes.")
    if not np.isfinite(values).all():
        raise UsageError(f"{file}: the scores of {ids[int((~np.isfinite(values)).any(1).argmax())]!r} are not finite.")
    kind = kind or _kind(file, values)
    if kind == "logits":
        return Scores(ids, values.astype(np.float32), kind)
    return _probabilities(file, ids, values)


def _probabilities(file: Path, ids: list[str], values: np.ndarray) -> Scores:
    """Values divided by the sums of their rows, and how many rows that changed."""
    sums = values.sum(1)
    if (values < -NOISE).any() or (sums <= 0).any():
        raise UsageError(f"{file}: probabilities cannot be negative or all 0. Are these --scores logits?")
    off, remark = sums[np.abs(sums - 1) > EXACT], ""
    if len(off):
        remark = f"probabilities of {len(off)} rows were divided by their sums, {off.min():.3g} to {off.max():.3g}"
    return Scores(ids, np.log((values / sums[:, None]).clip(min=TINY)).astype(np.float32), "probabilities", remark)


def _kind(file: Path, values: np.ndarray) -> str:
    """Probabilities where all rows have a sum near 1, logits where a value is negative or the sums differ.

    Raises:
        UsageError: It might be either: shares of 0..1 with other sums, percentages, votes.
    """
    if (values < -NOISE).any():
        return "logits"
    sums = values.sum(1)
    if (np.abs(sums - 1) <= ROUNDED).all():
        return "probabilities"
    if (values > 1).any() and np.ptp(sums) > ROUNDED * sums.max():
        return "logits"
    raise UsageError(
        f"{file}: no value is negative, none is above {values.max():.3g}, and rows have sums from {sums.min():.3g} to "
        f"{sums.max():.3g}: they may be probabilities or logits. Say which: --scores probabilities, or --scores logits."
    )


def _csv(file: Path, prepared: Prepared) -> tuple[list[str], np.ndarray]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows, head = list(reader), list(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"Cannot read {file}: {error}. It must be a CSV file with a header.") from error
    key = next((name for name in ("id", "file") if name in head), None)
    if key is None:
        raise UsageError(f"{file} has no column 'id'; it has {', '.join(map(str, head)) or 'no rows'}.")
    columns = _columns(file, head, [class_name(prepared.class_names, label) for label in range(prepared.classes)])
    try:
        return [row[key] for row in rows], np.array([[float(row[name]) for name in columns] for row in rows])
    except (TypeError, ValueError) as error:
        raise UsageError(f"{file}: {error}. Every class needs a number in every row.") from error


def _columns(file: Path, head: list[str], names: list[str]) -> list[str]:
    """The column of each class, all named in one way."""
    ways = {
        "their names": names,
        "p(NAME)": [f"p({name})" for name in names],
        "their numbers": [str(label) for label in range(len(names))],
    }
    twice = next((name for name in head if head.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{file} has two columns {twice!r}.")
    whole = {way: columns for way, columns in ways.items() if set(columns) <= set(head)}
    if len({tuple(columns) for columns in whole.values()}) > 1:
        raise UsageError(
            f"{file}: its columns can be read by {' or by '.join(whole)}, which differ. Call them p(NAME), such as "
            f"p({names[0]})."
        )
    if whole:
        return next(iter(whole.values()))
    found = {way: [name for name in columns if name not in head] for way, columns in ways.items()}
    way = min(found, key=lambda one: len(found[one]))
    lacking = found[way][0]
    raise UsageError(
        f"{file} names classes by {way}, and has no column {lacking!r}. Every class needs one, all named in one way. "
        f"{nearest(lacking, map(str, head))}"
    )


def _npz(file: Path, prepared: Prepared) -> tuple[list[str], np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            ids, values = arrays["ids"], arrays["scores"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"Cannot read {file}: {error}. It must hold the arrays ids (n,) and scores (n, C).") from error
    if ids.ndim != 1 or values.ndim != 2 or not np.issubdtype(values.dtype, np.number):
        raise UsageError(f"{file}: ids {ids.shape} and scores {values.shape} must be (n,) and (n, C) numbers.")
    return [str(one) for one in ids], values.astype(np.float64)


def _record(
    cell: str, dataset: Dataset, prepared: Prepared, task: Task, scores: Scores, file: Path
) -> tuple[Record, dict[str, np.ndarray]]:
    """The record with its arrays; the whole test split must be there, and of others all or nothing."""
    bound, places = task.bound(prepared.table, prepared.classes), {name: n for n, name in enumerate(scores.ids)}
    metrics, items, counts = {}, {}, {}
    arrays = {CLASS_NAMES: np.array(prepared.class_names)} if prepared.class_names else {}
    for split in SPLITS:
        part = prepared.table.iloc[prepared.rows(split)]
        ids = part["id"].astype(str).tolist()
        missing = [name for name in ids if name not in places]
        if missing and (split == "test" or len(missing) < len(ids)):
            raise UsageError(f"{file} lacks {len(missing)} of {len(ids)} {split} samples, e.g. {missing[0]!r}.")
        if missing or not ids:
            continue
        targets, logits = bound.targets(part), scores.values[[places.pop(name) for name in ids]]
        metrics[split] = bound.evaluate(targets, {"logits": logits})
        items[split], counts[split] = items_told(bound, part, targets, {"logits": logits}), len(ids)
        arrays |= {prediction_key(split, "ids"): np.array(ids), prediction_key(split, "targets"): targets}
        units = {unit: part[unit].to_numpy().astype(str) for unit in ("group", "domain") if unit in part}
        arrays |= {prediction_key(split, unit): values for unit, values in units.items()}
        kept = bound.arrays(targets, {"logits": logits})
        arrays |= {prediction_key(split, what, STAGE): array for what, array in kept.items()}
    if places:
        foreign = next(iter(places))
        raise UsageError(f"{file}: {foreign!r} is no validation or test sample of {dataset.plugin_name()}.")
    stage = StageResult(name=STAGE, selection=IMPORTED, metrics=metrics, items=items, n=counts)
    return _told(cell, dataset, prepared, stage, task, file, scores), arrays


def _told(
    cell: str, dataset: Dataset, prepared: Prepared, stage: StageResult, task: Task, file: Path, scores: Scores
) -> Record:
    parsed, digest = Cell.parse(cell), hashlib.sha256(file.read_bytes()).hexdigest()
    return Record(
        cell=cell,
        task=dataset.task,
        dataset=Part(name=parsed.dataset.name, params=dataset.model_dump(mode="json")),
        protocol=dataset.protocol,
        backbone=Part(name=BACKBONE),
        method=Part(name=parsed.method.name, params=parsed.method.params),
        recipe=Part(name=IMPORTED),
        seed=parsed.seed,
        data_seed=parsed.data_seed_value,
        stages=[stage],
        selection=Selection(criterion=IMPORTED, by="none"),
        test_evaluations=1,
        flags=Flags(
            partial=bool(prepared.differences), differences=prepared.differences, leaks=list(dataset.rule.leaks),
            notes=[*prepared.notes, *([scores.remark] if scores.remark else [])],
        ),
        diagnostics={STAGE: {"file": file.name, "sha256": digest, "scores": scores.kind}},
        fingerprints={
            "task": code_identity(type(task)), "data": prepared.identity, "engine": str(ENGINE_VERSION)
        },
        git_revision=git_revision(),
        environment=environment(),
    )  # fmt: skip
