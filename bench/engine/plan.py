"""Which cells have to run, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from bench.backbones.base import WeightsInfo
from bench.backbones.weights import find, weights_folder
from bench.cells.cell import Cell
from bench.cells.recipes import STREAM_FIELDS, fingerprint, trials
from bench.core.errors import DataError, UsageError
from bench.core.numerics import NUMERICS_VERSION
from bench.data.prepare import Prepared, prepare
from bench.data.roots import data_root
from bench.engine.settings import Settings
from bench.grid.resolve import Resolved, resolve
from bench.methods import Method
from bench.plugins.fingerprint import source_fingerprint
from bench.plugins.registry import refresh
from bench.records import Record, Store
from bench.training.job import StageJob, stage_jobs

Lacking = list[tuple[Resolved, DataError]]


@dataclass(frozen=True)
class Task:
    """A cell with everything that decides its result.

    Attributes:
        fingerprints: What a record must agree with to be up to date.
        reason: Why it has to run; empty when its record is up to date.
        failure: The record of its last failure, if the last try failed.
    """

    resolved: Resolved
    prepared: Prepared
    weights: WeightsInfo
    fingerprints: dict[str, str]
    reason: str = ""
    failure: Record | None = None

    @property
    def cell(self) -> Cell:
        """The canonical cell."""
        return self.resolved.cell

    @property
    def selection(self) -> str:
        """The criterion in force: the protocol's, where it forces one, else the recipe's."""
        return self.prepared.dataset.rule.selection or self.resolved.recipe.selection

    @cached_property
    def stream_key(self) -> str:
        """Cells with equal keys see the same images through the same trunk."""
        recipe = self.resolved.recipe.model_dump(mode="json", include=set(STREAM_FIELDS))
        size = self.resolved.backbone.size or self.weights.size
        weights = [self.weights.arch, self.weights.digest, size]
        parts = [self.prepared.identity, weights, recipe, self.cell.data_seed_value, NUMERICS_VERSION]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]

    @cached_property
    def trials(self) -> list[list[StageJob]]:
        """The stages of each trial (see `Recipe.lr_grid`); empty for floor and closed-form methods."""
        method, source = self.resolved.method, self.fingerprints["method"]
        if not isinstance(method, Method):
            return []
        return [
            stage_jobs(method, recipe, self.cell.seed, self.selection, self.stream_key, source)
            for recipe in trials(self.resolved.recipe)
        ]

    @property
    def jobs(self) -> list[StageJob]:
        """All stages of all trials."""
        return [job for trial in self.trials for job in trial]

    @property
    def shares_trunk(self) -> bool:
        """Whether the cell's first stage, or its closed-form fit, reads the frozen trunk."""
        return not self.jobs or self.jobs[0].shares_trunk


@dataclass
class Planner:
    """Resolves cells and compares them with the store; remembers what cells have in common."""

    settings: Settings
    _prepared: dict[tuple[str, int], Prepared | DataError] = field(default_factory=dict)
    _weights: dict[str, WeightsInfo] = field(default_factory=dict)
    _sources: dict[type, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refresh()

    @cached_property
    def root(self) -> Path:
        """The data root."""
        return data_root(self.settings.data)

    @cached_property
    def weights_folder(self) -> Path | None:
        """The weights folder."""
        return weights_folder(self.settings.weights)

    def task(self, cell: Cell) -> Task:
        """Resolve one cell; its `reason` is left empty.

        Raises:
            UsageError: A name or value in the cell is wrong, or its data set is not for classification.
            DataError: Its data are missing or do not match.
        """
        resolved = resolve(cell)
        if resolved.dataset.task != "classification":
            name, kind = resolved.cell.dataset.name, resolved.dataset.task
            raise UsageError(f"{name} is a {kind} data set; bench run classifies. bench data audit works on it.")
        prepared = self._prepare(resolved)
        name = resolved.cell.backbone.name
        if name not in self._weights:
            self._weights[name] = find(name, self.weights_folder)
        weights = self._weights[name]
        return Task(resolved, prepared, weights, self._fingerprints(resolved, prepared, weights))

    def plan(self, cells: Iterable[Cell], store: Store, lacking: Lacking | None = None) -> list[Task]:
        """Resolve cells and say for each why it has to run; the order is kept, repetitions are dropped.

        Args:
            lacking: Filled with the cells whose data are missing or do not match, and left out; without it the first
                such cell raises.

        Raises:
            UsageError, DataError: See `task`.
        """
        tasks: dict[str, Task] = {}
        for cell in cells:
            try:
                task = self.task(cell)
            except DataError as error:
                if lacking is None:
                    raise
                lacking.append((resolve(cell), error))
            else:
                tasks.setdefault(str(task.cell), task)
        return [self._judged(name, task, store) for name, task in tasks.items()]

    def _judged(self, name: str, task: Task, store: Store) -> Task:
        failure = store.failure(name)
        return replace(task, reason=reason(store.get(name), task.fingerprints, failure), failure=failure)

    def _prepare(self, resolved: Resolved) -> Prepared:
        key = (str(resolved.cell.dataset), resolved.cell.data_seed_value)
        if key not in self._prepared:
            self._prepared[key] = self._prepare_anew(resolved, key[1])
        found = self._prepared[key]
        if isinstance(found, DataError):
            raise found
        return found

    def _prepare_anew(self, resolved: Resolved, data_seed: int) -> Prepared | DataError:
        try:
            return prepare(resolved.dataset, self.root, data_seed, self.settings.partial)
        except DataError as error:  # remembered: the next cell on these data would meet it again
            return error

    def _fingerprints(self, resolved: Resolved, prepared: Prepared, weights: WeightsInfo) -> dict[str, str]:
        kind = type(resolved.method)
        if kind not in self._sources:
            self._sources[kind] = source_fingerprint(kind)
        name = "recipe" if isinstance(resolved.method, Method) else "preprocessing"
        return {
            "method": self._sources[kind],
            "data": prepared.identity,
            name: fingerprint(resolved.recipe, name),
            "weights": weights.digest,
            "numerics": str(NUMERICS_VERSION),
        }


def reason(record: Record | None, fingerprints: dict[str, str], failure: Record | None) -> str:
    """Why a cell has to run: "missing", "failed: ...", "stale: ...", or nothing."""
    if failure is not None and failure.error is not None:
        return f"failed: {failure.error.kind}"
    if record is None:
        return "missing"
    changed = [name for name, value in fingerprints.items() if record.fingerprints.get(name) != value]
    return "stale: " + ", ".join(changed) + " changed" if changed else ""
