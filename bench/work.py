"""Carrying out one group of cells: context, stages, records."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock

from bench.backbones.weights import load
from bench.data.augment import Preprocess
from bench.data.base import cache_root
from bench.data.cache import decoded
from bench.environment import peak_memory
from bench.errors import BenchError
from bench.groups import Group
from bench.methods import Method
from bench.methods.accounting import added, macs, model_macs, size
from bench.methods.build import build_model
from bench.plan import NUMERICS_VERSION, Planner, Task, reason
from bench.progress import Reporter
from bench.records import Hardware, Macs, Parameters, Store
from bench.settings import Settings
from bench.training import checkpoint
from bench.training.assemble import failed_record, trained_record
from bench.training.bank import FeatureBank
from bench.training.closed_form import fit_record
from bench.training.context import EVAL_BATCH, Context
from bench.training.job import StageJob
from bench.training.learner import Learner
from bench.training.stages import Result, StageOutcome, StageRunner
from bench.training.streams import reseed


@dataclass
class GroupRun:
    """One group being carried out.

    Attributes:
        results: Stage key -> outcome or error, of the stages run so far.
    """

    group: Group
    settings: Settings
    planner: Planner
    store: Store
    device: torch.device
    reporter: Reporter

    def run(self) -> None:
        """Run the group's open cells and store their records; what fails is stored as a failure.

        Another process that holds the group's lock does the same work: wait for it, then look what is left.
        """
        folder = self.store.folder / ".checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{_file_name(self.group.key)}.lock"):
            tasks = [task for task in self.group.tasks if self._open(task)]
            for task in self.group.tasks:
                if task not in tasks:
                    self.reporter.cell(str(task.cell))
            if tasks:
                self._run_open(tasks, folder)

    def _open(self, task: Task) -> bool:
        name = str(task.cell)
        return bool(reason(self.store.get(name), task.fingerprints, self.store.failure(name)))

    def _run_open(self, tasks: list[Task], folder: Path) -> None:
        try:
            context = build_context(tasks[0], self.planner, self.settings, self.device)
        except BenchError as error:
            for task in tasks:
                self._fail(task, error)
            return
        for task in tasks:
            if not isinstance(task.resolved.method, Method):
                self._fit(task, context)
        trained = [task for task in tasks if isinstance(task.resolved.method, Method)]
        runner = StageRunner(context, folder, self.settings.time_limit, self._booked)
        results: dict[str, Result] = {}
        self._first_stages(trained, runner, results)
        for task in trained:
            self._later_stages(task, runner, results)
            self._record(task, context, results)
        for key in {job.key for task in trained for job in task.jobs}:
            checkpoint.drop(folder / key)

    def _booked(self, learner: Learner, images: int) -> None:
        self.reporter.epoch(images)

    def _first_stages(self, tasks: list[Task], runner: StageRunner, results: dict[str, Result]) -> None:
        """Train every first stage on the shared trunk together, each once."""
        unique = {job.key: job for task in tasks for job in task.jobs[:1] if job.shares_trunk}
        if unique:
            self.reporter.working(f"{len(unique)} heads on one trunk" if len(unique) > 1 else str(tasks[0].cell.method))
            results.update(guarded(runner, list(unique.values())))

    def _later_stages(self, task: Task, runner: StageRunner, results: dict[str, Result]) -> None:
        """Train what the cell still needs, one stage after another, until one fails."""
        for job in task.jobs:
            if job.key not in results:
                self.reporter.working(f"{task.cell.method} {job.stage.name}")
                results.update(guarded(runner, [job]))
            if not isinstance(results[job.key], StageOutcome):
                return

    def _record(self, task: Task, context: Context, results: dict[str, Result]) -> None:
        outcomes = []
        for job in task.jobs:
            result = results[job.key]
            if not isinstance(result, StageOutcome):
                self._fail(task, result)
                return
            outcomes.append(result)
        parameters, counted = account(task, context, outcomes)
        seconds = sum(outcome.progress.seconds for outcome in outcomes)
        record, arrays = trained_record(task, outcomes, parameters, counted, self._hardware(seconds))
        self.store.put(record, arrays)
        self.reporter.cell(str(task.cell))

    def _fit(self, task: Task, context: Context) -> None:
        image = torch.zeros(1, 3, context.trunk.size, context.trunk.size, device=self.device)
        try:
            record, arrays = fit_record(task, context, macs(context.trunk, image), torch.get_num_threads())
        except BenchError as error:
            self._fail(task, error)
            return
        self.store.put(record, arrays)
        self.reporter.cell(str(task.cell))

    def _fail(self, task: Task, error: BenchError) -> None:
        self.store.put_failure(failed_record(task, error, self._hardware(0.0)))
        self.reporter.cell(str(task.cell), f"{error.kind}: {error}")

    def _hardware(self, seconds: float) -> Hardware:
        return Hardware(
            seconds=seconds, peak_memory=peak_memory(self.device), device=str(self.device), threads=torch.get_num_threads()
        )


class CellError(BenchError):
    """An unexpected error inside one cell; the suite goes on, and the traceback's end is kept."""

    kind = "error"


def guarded(runner: StageRunner, jobs: list[StageJob]) -> dict[str, Result]:
    """Run jobs; an error that is nobody's in particular becomes the failure of each job, with its place.

    A group of several is then repeated one by one, so that the culprit fails alone.
    """
    try:
        return runner.run(jobs)
    except BenchError as error:
        problem = error
    except Exception as error:  # a method's code may raise anything; the record says what and where
        last = traceback.extract_tb(error.__traceback__)[-1]
        problem = CellError(f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})")
    if len(jobs) == 1:
        return {jobs[0].key: problem}
    return {key: result for job in jobs for key, result in guarded(runner, [job]).items()}


def build_context(task: Task, planner: Planner, settings: Settings, device: torch.device) -> Context:
    """Load trunk and images that the cells of a group share.

    Raises:
        DataError: An image is corrupt.
        UsageError: The weights do not fit the architecture.
    """
    recipe, prepared, info = task.resolved.recipe, task.prepared, task.weights
    trunk = load(task.cell.backbone, planner.weights_folder)
    channels_last = trunk.spec.family == "cnn"
    trunk.to(device, memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    trunk.requires_grad_(False)
    images = decoded(prepared, trunk.size, recipe.resize, info.interpolation, quiet=settings.quiet)
    preprocess = Preprocess(recipe, info.mean, info.std, trunk.size, info.interpolation, device, channels_last)
    return Context(
        prepared=prepared, images=images, trunk=trunk, preprocess=preprocess, recipe=recipe,
        data_seed=task.cell.data_seed_value, device=device,
        bank=FeatureBank(cache_root() / "features", settings.bank_gb), identity=bank_identity(task, trunk.size, device),
    )  # fmt: skip


def bank_identity(task: Task, size_: int, device: torch.device) -> dict[str, object]:
    """What decides the bits of frozen, un-augmented features; thread count and library are part of it."""
    recipe, info = task.resolved.recipe, task.weights
    return {
        "data": task.prepared.identity, "weights": [info.arch, info.digest], "size": size_, "batch": EVAL_BATCH,
        "resize": recipe.resize, "normalisation": recipe.normalisation, "precision": recipe.precision,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "torch": torch.__version__, "threads": torch.get_num_threads(), "numerics": NUMERICS_VERSION,
    }  # fmt: skip


def account(task: Task, context: Context, outcomes: list[StageOutcome]) -> tuple[Parameters, Macs]:
    """Parameters and MACs of a cell's model; the backbone's MACs include what the method injected."""
    method = task.resolved.method
    assert isinstance(method, Method)
    reseed(task.cell.seed, "init")
    backbone = context.own_trunk() if method.injects else context.trunk
    model = build_model(backbone, method, context.prepared.classes).to(context.device)
    backbone_macs, head_macs = model_macs(model)
    parameters = Parameters(
        trainable=max(outcome.trainable for outcome in outcomes), added=added(model, context.trunk), total=size(model)
    )
    return parameters, Macs(backbone=backbone_macs, head=head_macs)


def _file_name(key: str) -> str:
    import hashlib

    return hashlib.sha256(key.encode()).hexdigest()[:24]
