"""Carrying out one group of cells: train, select, report, record."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from bench.core.atomic import DiskFull
from bench.core.environment import peak_memory
from bench.core.errors import BenchError, TimeLimit
from bench.core.progress import Reporter
from bench.engine.closed_form import fit_record
from bench.engine.evidence import failed_record, trained_record
from bench.engine.groups import Group
from bench.engine.plan import Planner, Task, reason
from bench.engine.settings import Settings
from bench.engine.setup import account, build_context
from bench.methods import Method
from bench.records import Hardware, Store
from bench.training import checkpoint
from bench.training.context import Context
from bench.training.job import StageJob
from bench.training.learner import Learner
from bench.training.stages import OutOfMemory, StageRunner, Trained, is_out_of_memory
from bench.training.trials import Trial, choose

Results = dict[str, Trained | BenchError]


class CellError(BenchError):
    """An unexpected error inside one cell; the suite goes on, and the record says what and where."""

    kind = "error"


@dataclass
class GroupRun:
    """One group being carried out.

    Attributes:
        results: Stage key -> what training gave, so far.
    """

    group: Group
    settings: Settings
    planner: Planner
    store: Store
    device: torch.device
    reporter: Reporter
    results: Results = field(default_factory=dict)

    def run(self, wait: bool) -> bool:
        """Run the group's open cells and store their records; what fails is stored as a failure.

        Another process that holds the group's lock does the same work.

        Args:
            wait: Wait for it, then look what is left; else leave the group for later.

        Returns:
            Whether the group is done.
        """
        name = hashlib.sha256(self.group.key.encode()).hexdigest()[:24]
        folder = self.store.folder / ".checkpoints" / name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder.with_suffix(".lock"), timeout=-1 if wait else 0):
                self._run_locked(folder)
        except Timeout:
            return False
        return True

    def _run_locked(self, folder: Path) -> None:
        tasks = [task for task in self.group.tasks if self._open(task)]
        for task in self.group.tasks:
            if task not in tasks:
                self.reporter.cell(str(task.cell))
        if tasks:
            self._run_open(tasks, folder)
        checkpoint.drop(folder)

    def _open(self, task: Task) -> bool:
        """Whether a cell still has to run; one that failed in another process since planning is not tried again."""
        name = str(task.cell)
        failure = self.store.failure(name)
        if failure is not None and failure != task.failure:
            return False
        return bool(reason(self.store.get(name), task.fingerprints, failure))

    def _run_open(self, tasks: list[Task], folder: Path) -> None:
        try:
            context = build_context(tasks[0], self.planner, self.settings, self.device)
        except DiskFull:
            raise
        except Exception as error:  # images, weights or memory that all cells of the group would have used
            for task in tasks:
                self._fail(task, typed(error))
            return
        runner = StageRunner(context, folder, self.settings.time_limit, self._booked)
        self._first_stages(tasks, runner)
        for task in tasks:
            try:
                if isinstance(task.resolved.method, Method):
                    self._train_and_record(task, runner)
                else:
                    self._fit(task, context)
            except DiskFull:
                raise  # no cell's fault, and no record of it could be written
            except Exception as error:  # a method's own code may raise anything; the suite goes on
                self._fail(task, typed(error))

    def _booked(self, learner: Learner, images: int) -> None:
        self.reporter.epoch(images)

    def _first_stages(self, tasks: list[Task], runner: StageRunner) -> None:
        """Train every first stage on the shared trunk together, each once."""
        unique = {job.key: job for task in tasks for job in task.jobs if job.shares_trunk}
        if unique:
            self.reporter.working(f"{len(unique)} heads on one trunk" if len(unique) > 1 else str(tasks[0].cell.method))
            self.results.update(guarded(runner, list(unique.values())))
        self._report_together(tasks, runner)

    def _report_together(self, tasks: list[Task], runner: StageRunner) -> None:
        """Cells with one trial report what they train, so their test passes can be shared too."""
        sure = {job.key for task in tasks if len(task.trials) == 1 for job in task.jobs}
        try:
            runner.report([r for key, r in self.results.items() if key in sure and isinstance(r, Trained)])
        except DiskFull:
            raise
        except Exception as error:  # each cell tries again by itself, and the one at fault gets the failure
            self.reporter.working(f"reporting one by one ({type(error).__name__})")

    def _train_and_record(self, task: Task, runner: StageRunner) -> None:
        """Finish a cell's trials, choose one on validation data, open the test split for it, and store the record."""
        chosen, tuning = choose([self._train_trial(task, jobs, runner) for jobs in task.trials])
        seconds = self._seconds(task)
        reported = runner.report(chosen.stages)
        stages = [reported[stage.job.key] for stage in chosen.stages]
        parameters, macs = account(task, runner.context, max(stage.trainable for stage in chosen.stages))
        record, arrays = trained_record(task, stages, tuning, parameters, macs, self._hardware(seconds))
        self.store.put(record, arrays)
        self.reporter.cell(str(task.cell))

    def _seconds(self, task: Task) -> float:
        """What the cell's training took, all trials together.

        Raises:
            TimeLimit: Longer than allowed, although no trial was by itself.
        """
        seconds = sum(r.progress.seconds for job in task.jobs if isinstance(r := self.results[job.key], Trained))
        if self.settings.time_limit is not None and seconds > self.settings.time_limit:
            raise TimeLimit(f"The trials took {seconds:.0f} s, over --time-limit {self.settings.time_limit:g} s.")
        return seconds

    def _train_trial(self, task: Task, jobs: list[StageJob], runner: StageRunner) -> Trial:
        """Train what the trial still needs, one stage after another, until one fails."""
        stages: list[Trained] = []
        for job in jobs:
            if job.key not in self.results:
                self.reporter.working(f"{task.cell.method} {job.stage.name}")
                self.results.update(guarded(runner, [job]))
            result = self.results[job.key]
            if not isinstance(result, Trained):
                self.results.update({later.key: result for later in jobs if later.key not in self.results})
                return Trial(jobs[0].recipe.lr, stages, result)
            stages.append(result)
        return Trial(jobs[0].recipe.lr, stages, None)

    def _fit(self, task: Task, context: Context) -> None:
        record, arrays = fit_record(task, context, self._hardware(0.0))
        self.store.put(record, arrays)
        self.reporter.cell(str(task.cell))

    def _fail(self, task: Task, error: BenchError) -> None:
        self.store.put_failure(failed_record(task, error, self._hardware(0.0)))
        self.reporter.cell(str(task.cell), f"{error.kind}: {error}")

    def _hardware(self, seconds: float) -> Hardware:
        threads, memory = torch.get_num_threads(), peak_memory(self.device)
        return Hardware(seconds=seconds, peak_memory=memory, device=str(self.device), threads=threads)


def typed(error: Exception) -> BenchError:
    """The error of a cell: as it is, as lack of memory, or as an unexpected exception with its place."""
    if isinstance(error, BenchError):
        return error.with_traceback(None)  # its frames would keep the learners, and their memory, alive
    if is_out_of_memory(error):
        return OutOfMemory("Out of memory outside of a training step. Use a smaller size or another device.")
    last = traceback.extract_tb(error.__traceback__)[-1]
    return CellError(f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})")


def guarded(runner: StageRunner, jobs: list[StageJob]) -> Results:
    """Train jobs; after an error that names no job, a group is repeated one by one, so that the culprit fails alone."""
    try:
        return runner.train(jobs)
    except DiskFull:
        raise
    except Exception as error:  # a method's own code may raise anything; the record of the failed cell says what
        problem = typed(error)
    if len(jobs) == 1:
        return {jobs[0].key: problem}
    return {key: result for job in jobs for key, result in guarded(runner, [job]).items()}
