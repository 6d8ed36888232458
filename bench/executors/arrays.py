"""Job arrays of Slurm, submitted by submitit and followed through the queue: by itself it needs an accounting database.

A file beside a group's checkpoints names its job, so that a later process attaches to it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.core.atomic import write_text
from bench.core.errors import UsageError
from bench.engine.groups import Group
from bench.engine.settings import Settings
from bench.executors.job_files import last_words, note_of, outcome_of, submitter
from bench.executors.queue import Queue
from bench.executors.remote import Report, at_work

UNSEEN = 3  # polls of a queue without a job before it counts as dead: its result may arrive later than its end


def work(names: Sequence[str], settings: Settings) -> Report:
    """What a job runs. A signal ends it at once: its last epoch is kept, and it is started again from there."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # submitit would raise an exception in the middle of training
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return at_work(names, settings)


class Arrays:
    """Implements `bench.executors.remote.Engine`.

    Args:
        settings: What jobs are told.
        parameters: What submitit is told.
        poll: Seconds between two polls of the queue.
        queue: Slurm's; None for processes of this machine.

    Raises:
        UsageError: submitit or Slurm is not here, or the queue does not answer.
    """

    def __init__(self, settings: Settings, parameters: Mapping[str, Any], poll: float, queue: Queue | None) -> None:
        self.settings, self.poll, self.queue = settings, poll, queue
        self.folder = settings.results / ".slurm"
        self.executor = submitter(self.folder, "slurm" if queue else "local")
        self.executor.update_parameters(**parameters)
        self.jobs: dict[str, Any] = {}
        self.notes: dict[str, Path] = {}  # of the jobs that this process has submitted or attached to
        self.attached: set[str] = set()
        self.unseen: Counter[str] = Counter()
        self.before = self._alive() or set()

    def submit(self, tasks: Sequence[tuple[Group, Sequence[str]]]) -> list[str]:
        limit = self.queue.longest_array() if self.queue else len(tasks)
        return [name for first in range(0, len(tasks), limit) for name in self._submit(tasks[first : first + limit])]

    def attach(self, group: Group) -> str | None:
        note = note_of(group, self.settings)
        name = str(json.loads(note.read_text())["job"]) if note.is_file() else ""
        if name not in self.before or not (self.folder / f"{name}_submitted.pkl").is_file():
            note.unlink(missing_ok=True)
            return None
        from submitit import SlurmJob

        self.jobs[name], self.notes[name] = SlurmJob(self.folder, name), note
        self.attached.add(name)
        return name

    def ended(self) -> Mapping[str, Report | str]:
        time.sleep(self.poll)
        alive = self._alive()
        there = set(os.listdir(self.folder)) if self.folder.is_dir() else set()
        found: dict[str, Report | str] = {}
        for name, job in self.jobs.items():
            if job.paths.result_pickle.name in there:
                found[name] = outcome_of(job)
            elif alive is not None:
                self.unseen[name] = 0 if name in alive else self.unseen[name] + 1
                if self.unseen[name] == UNSEEN:
                    found[name] = f"Its job {name} died{last_words(job.paths.stderr)}"
        for name in found:
            del self.jobs[name]
            self.notes.pop(name).unlink(missing_ok=True)
        return found

    def cancel(self) -> None:
        mine = [name for name in self.jobs if name not in self.attached]
        if self.queue:
            self.queue.cancel(mine)
        for name in mine:
            if not self.queue:
                self.jobs[name].cancel()
            self.notes[name].unlink(missing_ok=True)

    def _submit(self, tasks: Sequence[tuple[Group, Sequence[str]]]) -> list[str]:
        """One array."""
        try:
            with contextlib.redirect_stderr(io.StringIO()), self.executor.batch():
                started = [self.executor.submit(work, list(names), self.settings) for _, names in tasks]
        except RuntimeError as error:  # submitit's errors are such
            why = str(error).strip().splitlines() or ["without a word"]
            raise UsageError(f"sbatch refused: {why[-1]}. Change --executor slurm[gpus=...,partition=...].") from error
        for job, (group, names) in zip(started, tasks, strict=True):
            self.jobs[job.job_id], self.notes[job.job_id] = job, note_of(group, self.settings)
            write_text(self.notes[job.job_id], json.dumps({"job": job.job_id, "cells": list(names)}))
        return [job.job_id for job in started]

    def _alive(self) -> set[str] | None:
        if self.queue:
            return self.queue.alive(self.jobs)
        return {name for name, job in self.jobs.items() if not job.done()}
