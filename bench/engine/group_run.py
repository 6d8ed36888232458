"""Carrying out one group of cells: train, select, report, record."""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from bench.cells.search import fields_of
from bench.core import ranks
from bench.core.atomic import DiskFull, write_text
from bench.core.errors import BenchError, TimeLimit
from bench.core.locks import held
from bench.core.memory import MemoryMeter
from bench.engine.closed_form import STAGE, fit_record, selects_on
from bench.engine.groups import Group
from bench.engine.plan import Planned, Planner, still_open
from bench.engine.record_builder import SPLITS, failed_record, trained_record
from bench.engine.saved_model import fitted_tensors, keep, trained_tensors
from bench.engine.settings import Settings
from bench.engine.setup import account, build_context
from bench.engine.status import AT_IT, AtIt
from bench.engine.watching import Watch
from bench.methods.base import FeatureMethod, Method
from bench.records import Hardware, Store
from bench.records.evaluation_log import Evaluation, append, now
from bench.training import checkpoint
from bench.training.checkpoint import Pace
from bench.training.context import Context
from bench.training.failures import typed
from bench.training.job import StageJob
from bench.training.stages import StageRunner, Trained
from bench.training.trials import Trial, choose, halving

Results = dict[str, Trained | BenchError]


@dataclass
class GroupRun:
    """One group being carried out.

    Attributes:
        results: Stage key -> what training gave, so far.
        shared_memory: Peak bytes while its cells trained together.
        watch: Tells the progress bar and the callbacks.
        meter: Measures the cell at hand.
        noted: (cell, stage) whose look at the test split stands in the log.
    """

    group: Group
    settings: Settings
    planner: Planner
    store: Store
    device: torch.device
    watch: Watch
    results: Results = field(default_factory=dict)
    shared_memory: int = 0
    meter: MemoryMeter | None = None
    noted: set[tuple[str, str]] = field(default_factory=set)

    def run(self, wait: bool) -> bool:
        """Run the group's open cells and store their records; what fails is stored as a failure.

        Another process that holds the group's lock does the same work.

        Args:
            wait: Wait for it, then look what is left; else leave the group for later.

        Returns:
            Whether the group is done.
        """
        folder = self.group.folder(self.store.folder)
        with held(folder.with_suffix(".lock"), wait) as free:
            if free:
                self._run_locked(folder)
        return free

    def _run_locked(self, folder: Path) -> None:
        names = [one.name for one in self.group.cells if still_open(one, self.store, self.settings)]
        names = ranks.agreed(names)
        cells = [planned for planned in self.group.cells if planned.name in names]
        _begin_alike(folder)
        for planned in self.group.cells:
            if planned not in cells:
                self.watch.reporter.cell(planned.name)
        if cells:
            self._say_who(folder, cells)
            self._run_open(cells, folder)
        checkpoint.drop(folder)

    def _say_who(self, folder: Path, cells: list[Planned]) -> None:
        """For `bench status`."""
        jobs, names = Group(self.group.key, tuple(cells)).jobs, [planned.name for planned in cells]
        at_it = AtIt(platform.node(), os.getpid(), sum(job.epochs for job in jobs), names, [job.key for job in jobs])
        write_text(folder / AT_IT, json.dumps(asdict(at_it)), point="group")

    def _run_open(self, cells: list[Planned], folder: Path) -> None:
        try:
            for planned in cells:
                if any(job.shares_backbone for job in planned.jobs):
                    self.watch.begin(planned)
            context = build_context(cells[0], self.planner, self.settings, self.device)
        except DiskFull:
            raise
        except Exception as error:  # images, weights or memory that all cells of the group would have used
            for planned in cells:
                self._fail(planned, typed(error))
            return
        settings = self.settings
        pace = Pace(settings.checkpoint_every)
        runner = StageRunner(
            context, folder, settings.time_limit, self.watch.epoch, self.splits, settings.keep_features, pace
        )
        with MemoryMeter(self.device) as meter:
            self._first_stages(cells, runner)
        self.shared_memory = meter.peak
        # those that have begun come first: of the others, each then begins and ends alone
        for planned in sorted(cells, key=lambda planned: not self.watch.has_begun(planned)):
            with MemoryMeter(self.device) as self.meter:
                self.watch.begin(planned)
                self._run_cell(planned, runner)

    def _run_cell(self, planned: Planned, runner: StageRunner) -> None:
        try:
            if isinstance(planned.resolved.method, Method):
                self._train_and_record(planned, runner)
            else:
                self._fit(planned, runner.context)
        except DiskFull:
            raise  # no cell's fault, and no record of it could be written
        except Exception as error:  # a method's own code may raise anything; the suite goes on
            self._fail(planned, typed(error))

    @property
    def splits(self) -> tuple[str, ...]:
        """What may be predicted."""
        return SPLITS[:1] if self.settings.val_only else SPLITS

    def _open_for(self, planned: Planned, stages: list[tuple[str, int]]) -> None:
        """Note that a cell's stages look at the test split, so many times each, before anybody sees what comes of it.

        Where the test split itself selects, that is before training.
        """
        for stage, times in stages if "test" in self.splits else []:
            if times and (planned.name, stage) not in self.noted:
                protocol = planned.resolved.dataset.protocol
                evaluation = Evaluation(planned.name, stage, planned.fingerprints, protocol, times, now())
                append(self.store.folder, evaluation)
                self.noted.add((planned.name, stage))

    def _first_stages(self, cells: list[Planned], runner: StageRunner) -> None:
        """Train every first stage on the shared backbone together, each once."""
        for planned in cells:
            peeking = planned.selection == "test_best"
            self._open_for(planned, [(job.stage.name, job.epochs + 1) for job in planned.jobs if peeking])
        unique = {job.key: job for planned in cells for job in planned.jobs if job.shares_backbone}
        if unique:
            self.watch.reporter.working(
                f"{len(unique)} heads on one backbone" if len(unique) > 1 else str(cells[0].cell.method)
            )
            self.results.update(guarded(runner, list(unique.values())))
        self._report_together(cells, runner)

    def _report_together(self, cells: list[Planned], runner: StageRunner) -> None:
        """Cells with one trial report what they train, so their test passes can be shared too."""
        certain = [planned for planned in cells if len(planned.trials) == 1]
        sure = {job.key for planned in certain for job in planned.jobs}
        try:
            ready = {key: r for key, r in self.results.items() if key in sure and isinstance(r, Trained)}
            for planned in certain:
                self._open_for(planned, [(job.stage.name, 1) for job in planned.jobs if job.key in ready])
            runner.report(list(ready.values()))
        except DiskFull:
            raise
        except Exception as error:  # each cell tries again by itself, and the one at fault gets the failure
            if ranks.several():
                raise
            self.watch.reporter.working(f"reporting one by one ({type(error).__name__})")

    def _train_and_record(self, planned: Planned, runner: StageRunner) -> None:
        """Finish a cell's trials, choose one on validation data, open the test split for it, and store the record."""
        chosen, tuning = choose(self._trials(planned, runner), planned.selecting)
        seconds = self._seconds(planned)
        self._open_for(planned, [(stage.job.stage.name, 1) for stage in chosen.stages])
        reported = runner.report(chosen.stages)
        stages = [reported[stage.job.key] for stage in chosen.stages]
        trainable = max(stage.trainable for stage in chosen.stages)
        parameters, macs = account(chosen.stages[-1].job.method, planned, runner.context, trainable)
        hardware = self._hardware(seconds)
        record, arrays = trained_record(planned, runner.context, stages, tuning, parameters, macs, hardware)
        stored = self.store.put(record, arrays)
        if self.settings.keep_weights:
            tensors = trained_tensors(runner.context, [stage.job for stage in chosen.stages], runner.checkpoints)
            keep(
                self.store, stored, planned, runner.context, tensors, fields_of(chosen.point, planned.cell.method.name)
            )
        self.watch.end(planned, stored, self.results)

    def _seconds(self, planned: Planned) -> float:
        """What the cell's training took, all trials together.

        Raises:
            TimeLimit: Longer than allowed, although no trial was by itself.
        """
        unique = {job.key: self.results[job.key] for job in planned.jobs}
        seconds = sum(result.progress.seconds for result in unique.values() if isinstance(result, Trained))
        if self.settings.time_limit is not None and seconds > self.settings.time_limit:
            raise TimeLimit(f"The trials took {seconds:.0f} s, over --time-limit {self.settings.time_limit:g} s.")
        return seconds

    def _trials(self, planned: Planned, runner: StageRunner) -> list[Trial]:
        """Train the cell's trials; on a backbone of their own the worse half stops early (see `Recipe.halve_at`)."""
        last = planned.trials[0][-1]
        parts = () if last.shares_backbone else planned.resolved.recipe.halve_at

        def train(number: int, until: int | None) -> Trial:
            return self._train_trial(planned, number, runner, until)

        return halving(len(planned.trials), train, last.epochs, parts, planned.selecting)

    def _train_trial(self, planned: Planned, number: int, runner: StageRunner, until: int | None) -> Trial:
        """Train what the trial still needs, one stage after another, until one fails.

        Args:
            until: Stop after so many epochs of the last stage.
        """
        jobs, point, stages = planned.trials[number], planned.points[number], list[Trained]()
        for job in jobs:
            limit = until if job is jobs[-1] else None
            if not self._reached(job, limit):
                self.watch.reporter.working(f"{planned.cell.method} {planned.stage_name(job)}".rstrip())
                self.results.update(guarded(runner, [job], limit))
            result = self.results[job.key]
            if not isinstance(result, Trained):
                self.results.update({later.key: result for later in jobs if later.key not in self.results})
                return Trial(point, stages, result)
            stages.append(result)
        return Trial(point, stages, None)

    def _reached(self, job: StageJob, until: int | None) -> bool:
        """Whether a stage has failed or has so many epochs (None: all) behind it."""
        result = self.results.get(job.key)
        epochs = job.epochs if until is None else min(until, job.epochs)
        return result is not None and (not isinstance(result, Trained) or result.progress.epoch >= epochs)

    def _fit(self, planned: Planned, context: Context) -> None:
        began, method = time.perf_counter(), planned.resolved.method
        assert isinstance(method, FeatureMethod)
        self._open_for(planned, [(STAGE, 1)])
        record, arrays = fit_record(planned, context, self.splits, self.settings.keep_features)
        hardware = self._hardware(time.perf_counter() - began)
        stored = self.store.put(record.model_copy(update={"hardware": hardware}), arrays)
        if self.settings.keep_weights:
            tensors = fitted_tensors(context, method, selects_on(planned, self.splits))
            keep(self.store, stored, planned, context, tensors)
        self.watch.end(planned, stored, self.results)

    def _fail(self, planned: Planned, error: BenchError) -> None:
        record = failed_record(planned, error, self._hardware(0.0))
        self.store.put_failure(record)
        self.watch.end(planned, record, self.results)

    def _hardware(self, seconds: float) -> Hardware:
        """What the cell's own part of the group took; what its cells share counts for each of them."""
        memory = max(self.shared_memory, self.meter.peak if self.meter else 0)
        found = Hardware(
            seconds=seconds, peak_memory=memory or None, device=str(self.device), threads=torch.get_num_threads()
        )
        return found.model_copy(update={"processes": ranks.size()}) if ranks.several() else found


def _begin_alike(folder: Path) -> None:
    """Give every rank the checkpoints that rank 0 goes on from."""
    if not ranks.several():
        return
    theirs = Path(ranks.agreed(str(folder.absolute())))
    if ranks.rank() and theirs.is_dir():
        shutil.copytree(theirs, folder, dirs_exist_ok=True)
    ranks.wait()


def guarded(runner: StageRunner, jobs: list[StageJob], until: int | None = None) -> Results:
    """Train jobs; what none of them is at fault for alone (images, the shared backbone) ends all of them."""
    try:
        return runner.train(jobs, until)
    except DiskFull:
        raise
    except Exception as error:  # the record of each failed cell says what
        return {job.key: typed(error) for job in jobs}
