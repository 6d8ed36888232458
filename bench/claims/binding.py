"""From records to `Ours`: which runs stand for a claim, and what they measured."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from bench.cells.cell import Cell
from bench.cells.notation import format_value
from bench.claims.identity import PARTS, expected, of_cell
from bench.claims.our_results import Ours, differing
from bench.claims.schema import Claim
from bench.plugins.registry import load
from bench.records import CorruptRecord, Record, StageResult, Store, evaluation_log, prediction_key

BLOCKS = 40  # groups of test samples that the jackknife leaves out in turn
# For each of `bench.claims.schema.COUNTED`: from a record and the stage that the claim speaks of.
COUNTS: dict[str, Callable[[Record, StageResult], float | None]] = {
    "total_parameters": lambda record, stage: record.parameters.total,
    "trainable_fraction": lambda record, stage: stage.trainable / record.parameters.total,
    "macs": lambda record, stage: _sum(record.macs.backbone, record.macs.head),
}


class Runs:
    """The finished runs of a results folder, found by claims.

    Args:
        store: Read once.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._groups: dict[tuple[str, str], dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
        for record in store.readable():
            if record.status == "done":
                configuration = record.cell.rpartition("/")[0]
                self._groups[record.dataset.name, record.method.name][configuration].append(record.slim())
        self._opened = first_evaluations(store)

    def ours(self, claim: Claim) -> Ours | None:
        """The runs nearest to what a claim asks for: fewest differing fields, then most seeds.

        None when nothing ran with the claim's data set and method.
        """
        if not claim.cell:
            return None
        cell = Cell.parse(f"{claim.cell}/seed=0")
        groups = self._groups.get((cell.dataset.name, cell.method.name), {})
        found = [(ours, records) for records in groups.values() if (ours := self._measured(claim, records)) is not None]
        if not found:
            return None
        wanted = expected(claim)
        ours, records = min(found, key=lambda one: (len(differing(wanted, one[0].identity)), -one[0].seeds))
        # of the nearest alone, for it is computed from predictions many times over
        return replace(ours, item_variance=self._item_variance(claim, *_runs(claim, records)[0]))

    def _measured(self, claim: Claim, records: Sequence[Record]) -> Ours | None:
        runs = _runs(claim, records)
        values = [(record, _value(claim, record, stage)) for record, stage in runs]
        known = [(record, value) for record, value in values if value is not None]
        if not known:
            return None
        record, stage = runs[0]
        return Ours(
            values=per_seed(known),
            n_test=stage.n.get("test"),
            identity=_identity(claim, record, stage),
            identical_split=bool(claim.split_identical),
            deterministic=claim.definition in COUNTS,
            opened=min((self._opened[r.cell] for r, _ in known if r.cell in self._opened), default=None),
            cells=tuple(r.cell for r, _ in known),
        )

    def _item_variance(self, claim: Claim, record: Record, stage: StageResult) -> float | None:
        """Of a metric without a formula, from one run's predictions; None for an accuracy, which has one, where none is
        needed, and where the predictions are damaged, which the store then notes."""
        if claim.split_identical or claim.definition in COUNTS or claim.definition == "accuracy":
            return None
        try:
            arrays, task = self.store.predictions(record.cell), load("tasks", record.task)()
        except CorruptRecord as error:
            self.store.note(error)
            return None
        targets, prefix = arrays[prediction_key("test", "targets")], prediction_key("test", "", stage.name)
        outputs = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

        def statistic(kept: np.ndarray) -> float:
            found = task.evaluate(targets[kept], {name: array[kept] for name, array in outputs.items()})
            return float(found[claim.definition])

        return jackknife(statistic, len(targets))


def per_seed(values: Sequence[tuple[Record, float]]) -> tuple[float, ...]:
    """One value for each independent repetition.

    Where seeds and data seeds form a grid, runs that share a data seed are not independent: their mean counts once.
    """
    data_seeds = {record.data_seed for record, _ in values}
    repetitions: dict[int, list[float]] = defaultdict(list)
    for record, value in values:
        repetitions[record.data_seed if len(data_seeds) > 1 else record.seed].append(value)
    return tuple(math.fsum(found) / len(found) for _, found in sorted(repetitions.items()))


def jackknife(statistic: Callable[[np.ndarray], float], n: int, blocks: int = BLOCKS) -> float:
    """Variance of a statistic over test samples, leaving out one block of samples in turn.

    Args:
        statistic: Of the samples with the given indices.
        n: Number of samples; they are dealt to blocks in a fixed random order.
    """
    order, count = np.random.default_rng(0).permutation(n), min(blocks, n)
    left_out = np.array([statistic(np.sort(order[np.arange(n) % count != block])) for block in range(count)])
    return float((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum())


def first_evaluations(store: Store) -> dict[str, float]:
    """Cell -> time of its first test-set evaluation, from the folder's log; empty without one."""
    first: dict[str, float] = {}
    for evaluation in evaluation_log.read(store.folder):
        time = datetime.fromisoformat(evaluation.time).timestamp()
        first[evaluation.cell] = min(time, first.get(evaluation.cell, math.inf))
    return first


def planned_cells_that_ran(claims: Iterable[Claim], runs: Runs) -> set[str]:
    """Ids of the claims whose very cell has run already."""
    wanted = {claim.id: expected(claim) for claim in claims if claim.cell}
    found = {claim.id: runs.ours(claim) for claim in claims if claim.cell}
    return {name for name, ours in found.items() if ours is not None and not differing(wanted[name], ours.identity)}


def _identity(claim: Claim, record: Record, stage: StageResult) -> dict[str, str]:
    """As `bench.claims.identity.expected`, from a record; fields that the claim states are read from the record."""
    identity = {**of_cell(Cell.parse(record.cell)), "metric": claim.definition}
    wanted = expected(claim)
    if "protocol" in wanted:
        identity["protocol"] = record.protocol
    for key in wanted:
        part, _, name = key.partition(".")
        if part in PARTS and name and name in (fields := getattr(record, part).params):
            identity[key] = format_value(fields[name])
    if "n_test" in wanted and "test" in stage.n:
        identity["n_test"] = str(stage.n["test"])
    if "selection" in wanted:
        identity["selection"] = record.selection.by if record.selection else "none"
    if record.flags.partial:
        identity["data"] = "partial"
    if record.flags.test_selected and wanted.get("selection") != "test":
        identity["selection"] = "test"
    return identity


def _runs(claim: Claim, records: Sequence[Record]) -> list[tuple[Record, StageResult]]:
    """Those that have the stage which a claim speaks of, with it."""
    return [(record, stage) for record in records if (stage := _stage(record, claim.stage)) is not None]


def _stage(record: Record, name: str) -> StageResult | None:
    stages = [stage for stage in record.stages if not name or stage.name == name]
    return stages[-1] if stages else None


def _value(claim: Claim, record: Record, stage: StageResult) -> float | None:
    read = COUNTS.get(claim.definition)
    return read(record, stage) if read else stage.metrics.get("test", {}).get(claim.definition)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
