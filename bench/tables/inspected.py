"""What went wrong, for tasks that say so themselves: their tables over all runs of a row, and the worst items."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.core.errors import UsageError, nearest
from bench.core.text import as_json, preformatted
from bench.plugins.registry import load
from bench.records import Record, Store, prediction_key
from bench.records.schema import is_output
from bench.tables.errors_text import FORMATS, STYLES, rendered
from bench.tables.filters import check_split
from bench.tables.predictions import Run, class_names, names_of
from bench.tables.rows import Key
from bench.tables.versus import one_row
from bench.tasks.base import Outputs

if TYPE_CHECKING:
    from bench.tasks.inspection import Table


@dataclass(frozen=True)
class Worst:
    """One item, as the run that it is most wrong in tells of it.

    Attributes:
        told: Cells, as the task heads them.
        wrong: How wrong it is, the mean over runs.
        runs: How many judged it.
        run, row: Where its predictions are, among the runs and in the split.
    """

    id: str
    told: tuple[str, ...]
    wrong: float
    runs: int
    run: int
    row: int


@dataclass(frozen=True)
class Inspected:
    """What `bench errors` says of a row whose task inspects predictions; ``print`` shows it as text.

    Attributes:
        names: Of the outputs, in order.
        items: Judged items, over all runs.
        tables: The task's, over all runs.
        head: Columns of the worst items.
        worst: Items with something wrong, the worst first.
        written: Pictures that were written.
    """

    key: Key
    split: str
    cells: tuple[str, ...]
    names: tuple[str, ...]
    items: int
    tables: tuple[Table, ...]
    head: tuple[str, ...]
    worst: tuple[Worst, ...]
    folder: Path | None = None
    shown: int = 10
    written: tuple[Path, ...] = ()

    def text(self, format: str = "text") -> str:
        """As text, md, latex, csv (all items) or json; UsageError for another."""
        if format not in FORMATS:
            raise UsageError(f"No format {format!r}. {nearest(format, FORMATS)}")
        if format == "json":
            tables = {title: [dict(zip(head, row, strict=True)) for row in rows] for title, head, rows in self.tables}
            return as_json({"cells": self.cells, "split": self.split, "tables": tables, "items": self._rows()})
        if format == "csv":
            text = io.StringIO()
            writer = csv.DictWriter(text, ["item", *self.head, "wrong", "runs"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._rows())
            return text.getvalue().rstrip("\n")
        parts = [self._heading(), *(rendered(one, STYLES[format]) for one in (*self.tables, *self._listed()) if one[2])]
        more = len(self.worst) - self.shown
        return "\n\n".join([*parts, *([f"{more} more: --shown N, or --format csv for all."] if more > 0 else [])])

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return preformatted(self.text())

    def _heading(self) -> str:
        key, runs = self.key, f"{len(self.cells)} run{'s' * (len(self.cells) > 1)}"
        text = (
            f"{key.method} on {key.backbone}, {key.dataset} ({key.protocol}), recipe {key.recipe}: "
            f"{self.items:,} {self.split} items, {runs}"
        )
        return f"{text}\nfiles lie below {self.folder}" if self.folder else text

    def _listed(self) -> list[Table]:
        rows = [[one.id, *one.told] for one in self.worst[: self.shown]]
        return [("the worst items", ["item", *self.head], rows)]

    def _rows(self) -> list[dict[str, object]]:
        cells = ({"item": one.id, **dict(zip(self.head, one.told, strict=True))} for one in self.worst)
        facts = ({"wrong": round(one.wrong, 6), "runs": one.runs} for one in self.worst)
        return [{**told, **further} for told, further in zip(cells, facts, strict=True)]


def inspected(store: Store, records: Sequence[Record], filter: str, split: str = "test") -> Inspected:
    """What the one row that a filter names got wrong, over its finished runs.

    Raises:
        UsageError: It names none or several rows, the split was not predicted, or the task does not inspect.
        CorruptRecord: Predictions are missing or altered.
    """
    check_split(split)
    key, found = one_row(records, filter)
    runs, task = [store.pair(record.cell) for record in found], load("tasks", key.task)()
    parts = [outputs_of(run, split) for run in runs]
    targets = np.concatenate([truth for truth, _ in parts])
    outputs = {name: np.concatenate([one[name] for _, one in parts]) for name in parts[0][1]}
    names = tuple(names_of(_width(runs[0], parts[0][1]), class_names(runs)))
    told = task.inspect(targets, outputs, names)
    ids = [[str(name) for name in arrays[prediction_key(split, "ids")]] for _, arrays in runs]
    return Inspected(
        key, split, tuple(record.cell for record in found), names, len(targets), told.tables, told.head,
        tuple(_worst(ids, told.lines, told.wrong)),
    )  # fmt: skip


def outputs_of(run: Run, split: str) -> tuple[np.ndarray, Outputs]:
    """Targets of a split, and what the last stage's outputs are.

    Raises:
        UsageError: The split was not predicted.
    """
    record, arrays = run
    stage, targets = record.stages[-1].name, arrays.get(prediction_key(split, "targets"))
    lead = prediction_key(split, "", stage)
    outputs = {name.removeprefix(lead): x for name, x in arrays.items() if name.startswith(lead) and is_output(name)}
    if targets is None or not outputs:
        raise UsageError(f"{record.cell} has no predictions of the {split} split. Choose another --split.")
    return targets, outputs


def _width(run: Run, outputs: Outputs) -> int:
    """How many outputs have names: as many as the run's classes, or as its predictions are wide."""
    names = class_names([run])
    if names:
        return len(names)
    logits, counts = outputs.get("logits"), outputs.get("counts")
    given = logits if logits is not None else counts
    labels = outputs.get("classes")
    return given.shape[1] if given is not None else int(labels.max(initial=-1)) + 1 if labels is not None else 0


def _worst(ids: list[list[str]], lines: Sequence[tuple[str, ...]], wrong: np.ndarray) -> list[Worst]:
    """Items with something wrong, each by the run that it is most wrong in; the worst first."""
    places = [(name, run, row) for run, names in enumerate(ids) for row, name in enumerate(names)]
    of: dict[str, list[int]] = {}
    for place, (name, _, _) in enumerate(places):
        of.setdefault(name, []).append(place)
    found = []
    for name, judged in of.items():
        most = max(judged, key=lambda place: wrong[place])
        if wrong[most] > 0:
            _, run, row = places[most]
            found.append(Worst(name, tuple(lines[most]), float(np.mean(wrong[judged])), len(judged), run, row))
    return sorted(found, key=lambda one: (-one.wrong, one.id))
