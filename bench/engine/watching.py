"""What callbacks and the progress bar are told of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.callbacks.base import Callbacks, CellEvent, EpochEvent, Training
from bench.core.progress import Reporter
from bench.engine.plan import Planned
from bench.records import Record
from bench.training.job import StageJob
from bench.training.learner import Learner
from bench.training.progress import Progress
from bench.training.stages import Trained


@dataclass
class Watch:
    """Tells the progress bar and the callbacks what becomes of a group's cells.

    Attributes:
        begun: Cells that have begun and not ended, by name.
    """

    reporter: Reporter
    callbacks: Callbacks
    begun: dict[str, Planned] = field(default_factory=dict)

    def has_begun(self, planned: Planned) -> bool:
        """Whether a cell is under way."""
        return planned.name in self.begun

    def begin(self, planned: Planned) -> None:
        """A cell begins, unless it has."""
        if not self.has_begun(planned):
            self.begun[planned.name] = planned
            self.callbacks.tell(cell_event(planned), "on_cell_begin")

    def epoch(self, learners: Sequence[Learner], images: int) -> None:
        """Learners have been trained on so many images each."""
        spared = sum(learner.job.epochs - learner.progress.epoch for learner in learners if learner.out_of_patience)
        self.reporter.epoch(images * len(learners), len(learners) + spared)
        if learners:
            self.reporter.score(score_line(learners))
            event = epoch_event(self.begun.values(), learners, self.reporter.seconds_left)
            self.callbacks.tell(event, "on_epoch_end")

    def end(self, planned: Planned, record: Record, results: Mapping[str, object]) -> None:
        """A cell's record or failure is stored.

        Args:
            results: Stage key -> what training gave.
        """
        problem = f"{record.error.kind}: {record.error.message}" if record.error else ""
        if self.begun.pop(planned.name, None):
            progress = {key: done.progress for key, done in results.items() if isinstance(done, Trained)}
            ended = tuple(trainings(planned, progress))
            event = CellEvent(planned.name, facts_of(planned), ended, metrics_of(record), problem)
            self.callbacks.tell(event, "on_cell_end")
        self.reporter.cell(planned.name, problem)


def cell_event(planned: Planned) -> CellEvent:
    """A cell as it begins."""
    return CellEvent(planned.name, facts_of(planned))


def facts_of(planned: Planned) -> dict[str, Any]:
    """Parts of the cell's name, and the fields of its method and recipe."""
    cell, resolved = planned.cell, planned.resolved
    parts = {"dataset": cell.dataset, "backbone": cell.backbone, "method": cell.method, "recipe": cell.recipe}
    fields = {
        f"{kind}.{name}": value
        for kind, params in (("method", resolved.method), ("recipe", resolved.recipe))
        for name, value in params.model_dump(mode="json").items()
    }
    seeds = {"seed": cell.seed, "data_seed": cell.data_seed_value}
    return {**{name: str(spec) for name, spec in parts.items()}, **seeds, **fields}


def metrics_of(record: Record) -> dict[str, float]:
    """What a record says of its last stage, by split and metric; what is undefined is left out."""
    last = record.stages[-1].metrics if record.stages else {}
    values = {f"{split}_{name}": value for split, found in last.items() for name, value in found.items()}
    return {name: value for name, value in values.items() if value is not None}


def epoch_event(cells: Iterable[Planned], learners: Sequence[Learner], seconds_left: float) -> EpochEvent:
    """An epoch of learners, for all cells that train them."""
    progress = {learner.job.key: learner.progress for learner in learners}
    return EpochEvent(tuple(one for cell in cells for one in trainings(cell, progress)), seconds_left)


def trainings(planned: Planned, progress: dict[str, Progress]) -> Iterator[Training]:
    """A cell's trainings among stages by their keys; a stage that trials share counts for each of them."""
    for trial, jobs in zip(planned.trial_names, planned.trials, strict=True):
        before = 0
        for job in jobs:
            if job.key in progress:
                yield _training(planned, job, progress[job.key], before, trial, planned.stage_name(job))
            before += job.epochs


def _training(planned: Planned, job: StageJob, progress: Progress, before: int, trial: str, stage: str) -> Training:
    return Training(
        cell=planned.name,
        trial=trial,
        stage=stage,
        before=before,
        epoch=progress.epoch,
        epochs=job.epochs,
        metric=planned.selecting.name,
        best=progress.best_score,
        curves={name: list(curve) for name, curve in progress.curves.items()},
    )


def score_line(learners: Sequence[Learner]) -> str:
    """The metric that selects after an epoch, of several learners the first one's, and its best."""
    first = learners[0]
    value, best = first.progress.curves[f"val_{first.selects.name}"][-1], first.progress.best_score
    of = f" of the first of {len(learners)}" if len(learners) > 1 else ""
    return f"{first.selects.name} {value:.3f}" + (f" (best {best:.3f})" if best is not None else "") + of
