"""Which cells have to run, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from bench.backbones.family import WeightsInfo
from bench.backbones.local import weights_folder
from bench.cells.cell import Cell
from bench.cells.notation import format_value
from bench.cells.recipes import STREAM_FIELDS, at, fingerprint, points, sized
from bench.cells.search import Point
from bench.core.errors import DataError, NonFiniteLoss, UsageError
from bench.core.numerics import ENGINE_VERSION
from bench.data.augment.base import identity_of
from bench.data.prepare import Prepared, prepare
from bench.data.roots import data_root
from bench.engine.saved_model_facts import are_kept
from bench.engine.settings import Settings
from bench.engine.trial_points import at_point, check_stages, check_trials
from bench.grid.resolve import Resolved
from bench.methods.base import FeatureMethod, Method
from bench.plugins.fingerprint import code_identity
from bench.records import Record, Store
from bench.records.store import Reliable
from bench.tasks.base import Metric, Task
from bench.training.job import StageJob, stage_jobs
from bench.training.timm_optim import check_optimizer

Lacking = list[tuple[Resolved, DataError]]


@dataclass(frozen=True)
class Planned:
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
    def name(self) -> str:
        """Its canonical name."""
        return self.resolved.name

    @property
    def selection(self) -> str:
        """The criterion in force: the protocol's, where it forces one, else the recipe's."""
        return self.prepared.dataset.rule.selection or self.resolved.recipe.selection

    @property
    def selecting(self) -> Metric:
        """The metric that it goes by."""
        return self.resolved.task.selecting(self.resolved.recipe.select)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one input of the backbone."""
        return self.resolved.backbone.input_shape(self.weights)

    @cached_property
    def stream_key(self) -> str:
        """Cells with equal keys see the same inputs through the same backbone."""
        recipe = self.resolved.recipe.model_dump(mode="json", include=set(STREAM_FIELDS))
        backbone = [self.weights.arch, self.weights.digest, self.resolved.backbone.model_dump(mode="json")]
        task = [self.resolved.dataset.task, self.fingerprints["task"]]
        shape = list(self.input_shape)
        parts = [task, self.prepared.identity, backbone, shape, recipe, self.cell.data_seed_value, ENGINE_VERSION]
        parts += [own] if (own := identity_of(self.resolved.recipe)) else []
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]

    @cached_property
    def trial_names(self) -> list[str]:
        """What sets each trial apart: the fields in which they differ; empty where there is one."""
        first = self.points[0] if self.points else {}
        differ = [name for name in first if any(one[name] != first[name] for one in self.points)]
        return [",".join(f"{name}={format_value(one[name])}" for name in differ) for one in self.points]

    def stage_name(self, job: StageJob) -> str:
        """A stage's name, where the cell has several."""
        return job.stage.name if len(self.trials[0]) > 1 else ""

    @cached_property
    def points(self) -> list[Point]:
        """What the trials differ in, one by one; empty for methods without epochs."""
        method = self.resolved.method
        if not isinstance(method, Method):
            return []
        backbone = any(stage.trains_backbone for stage in method.stages())
        return points(self.resolved.recipe, self.cell.method.name, backbone, self.cell.seed)

    @cached_property
    def trials(self) -> list[list[StageJob]]:
        """The stages of each trial; empty for methods without epochs.

        Raises:
            UsageError: A searched value is out of range, or changes a method's stages.
        """
        method, source = self.resolved.method, self.fingerprints["method"]
        recipe, found = sized(self.resolved.recipe, self.prepared.counts["train"]), list[list[StageJob]]()
        for point in self.points:
            assert isinstance(method, Method)
            own = at_point(method, self.cell.method.name, point)
            jobs = stage_jobs(own, at(recipe, point), self.cell.seed, self.selection, self.stream_key, source)
            found.append(jobs)
        check_stages(found, self.cell.method.name)
        return found

    @property
    def jobs(self) -> list[StageJob]:
        """All stages of all trials."""
        return [job for trial in self.trials for job in trial]

    @property
    def shares_backbone(self) -> bool:
        """Whether the cell's first stage, or its closed-form fit, reads the frozen backbone."""
        return not self.jobs or self.jobs[0].shares_backbone


@dataclass
class Planner:
    """Compares resolved cells with the store; remembers what cells have in common.

    Attributes:
        fetch: Download missing weights, so that fingerprints say exactly which they are; else nothing is downloaded.
    """

    settings: Settings
    fetch: bool = False
    _prepared: dict[tuple[str, int], Prepared | DataError] = field(default_factory=dict)
    _weights: dict[str, WeightsInfo] = field(default_factory=dict)
    _sources: dict[type, str] = field(default_factory=dict)

    @cached_property
    def root(self) -> Path:
        """The data root."""
        return data_root(self.settings.data)

    @cached_property
    def weights_folder(self) -> Path | None:
        """The weights folder."""
        return weights_folder(self.settings.weights)

    def planned(self, resolved: Resolved) -> Planned:
        """Prepare one cell's data and take fingerprints; its `reason` is left empty.

        Raises:
            UsageError: The method cannot learn the data set's task, a library is missing, or the weights are not known.
            DataError: Its data are missing or do not match.
        """
        check_task(resolved)
        prepared = self._prepare(resolved)
        name = resolved.cell.backbone.name
        if name not in self._weights:
            find = resolved.backbone.fetch if self.fetch else resolved.backbone.find
            self._weights[name] = find(name, self.weights_folder)
        weights = self._weights[name]
        return Planned(resolved, prepared, weights, self._fingerprints(resolved, prepared, weights))

    def plan(self, cells: Iterable[Resolved], store: Store, lacking: Lacking | None = None) -> list[Planned]:
        """Say for each cell why it has to run; the order is kept, repetitions are dropped.

        Args:
            lacking: Filled with the cells whose data are missing or do not match, and left out; without it the first
                such cell raises.

        Raises:
            UsageError, DataError: See `planned`.
        """
        cells, found = list(cells), dict[str, Planned]()
        for resolved in cells:  # all of them, before the data of the first are read
            check_task(resolved)
        check_trials(cells)
        for resolved in cells:
            try:
                found.setdefault(resolved.name, self.planned(resolved))
            except DataError as error:
                if lacking is None:
                    raise
                lacking.append((resolved, error))
        return [self._judged(planned, store) for planned in found.values()]

    def _judged(self, planned: Planned, store: Store) -> Planned:
        found = store.reliable(planned.name)
        return replace(planned, reason=why(planned, found, store, self.settings), failure=found.failure)

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
        name = "recipe" if isinstance(resolved.method, Method) else "preprocessing"
        return {
            "method": self._source(type(resolved.method)),
            "task": self._source(type(resolved.task)),
            "data": prepared.identity,
            name: fingerprint(resolved.recipe, name),
            "backbone": self._source(type(resolved.backbone)),
            "weights": weights.digest,
            "engine": str(ENGINE_VERSION),
            **({"augmentation": own} if (own := identity_of(resolved.recipe)) else {}),
        }

    def _source(self, plugin: type) -> str:
        if plugin not in self._sources:
            self._sources[plugin] = code_identity(plugin)
        return self._sources[plugin]


def check_task(resolved: Resolved) -> None:
    """Raise UsageError when a library that the cell needs is not installed, the task lacks what the recipe asks for
    (head, metric, weights), or the method cannot learn it."""
    resolved.check_libraries()
    method, task = resolved.method, resolved.task
    task.check_head(resolved.recipe.head)
    task.check_loss(resolved.recipe.loss)
    task.selecting(resolved.recipe.select)
    task.check_class_weight(resolved.recipe.class_weight)
    check_optimizer(resolved.recipe.optimizer, resolved.recipe.momentum)
    if isinstance(method, Method) and resolved.recipe.mixes:
        task.check_mixing()
        if not method.mixes:
            raise UsageError(f"{method.plugin_name()} does not mix samples: leave mixup and cutmix out.")
    if isinstance(method, FeatureMethod) and not _fits(method, task):
        needed = f"a {' or '.join(method.tasks)} task" if method.tasks else "one class a sample"
        raise UsageError(
            f"{method.plugin_name()} needs {needed}; {resolved.cell.dataset.name} is a "
            f"{task.plugin_name()} data set. Leave the method out."
        )


def _fits(method: FeatureMethod, task: Task) -> bool:
    if method.tasks:
        return task.plugin_name() in method.tasks
    return task.single_label or not method.single_label or (task.vectors and method.vectors)


def why(planned: Planned, found: Reliable, store: Store, settings: Settings) -> str:
    """Why a cell has to run as the store stands: as `reason` says, or because what is to be kept was not."""
    told, record = reason(found, planned.fingerprints, settings.val_only), found.record
    if told or found.failure is not None or record is None:
        return told
    if settings.keep_weights and not are_kept(store.path(record.cell), record):
        return "weights to be kept"
    if settings.keep_features and not store.has_features(record.cell):
        return "features to be kept"
    return ""


def reason(found: Reliable, fingerprints: dict[str, str], val_only: bool = False) -> str:
    """Why a cell has to run, or nothing: "missing", "test split still shut", "damaged", "failed" or "stale" and why.

    A loss that diverged would diverge again, to the same digits, unless something has changed.
    """
    record, failure = found.record, found.failure
    if found.damage:
        return f"damaged: {found.damage}"
    if failure is not None and failure.error is not None:
        same = not changed(failure, fingerprints)
        return "" if same and failure.error.kind == NonFiniteLoss.kind else f"failed: {failure.error.kind}"
    if record is None:
        return "missing"
    differing = changed(record, fingerprints)
    if not differing and not val_only and "test" not in record.metrics:
        return "test split still shut"
    return "stale: " + ", ".join(differing) + " changed" if differing else ""


def still_open(planned: Planned, store: Store, settings: Settings) -> bool:
    """Whether a planned cell still has to run; one that failed since planning is not tried again."""
    found = store.reliable(planned.name)
    if found.failure is not None and found.failure != planned.failure:
        return False
    return bool(why(planned, found, store, settings))


def changed(record: Record, fingerprints: dict[str, str]) -> list[str]:
    """Names of the fingerprints that a record was made with other values of."""
    return [name for name, value in fingerprints.items() if record.fingerprints.get(name) != value]
