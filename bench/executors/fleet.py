"""Seeing groups through with workers elsewhere: started, attached to, started again after a death, given up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.core.errors import UsageError
from bench.engine.estimate import rough_macs
from bench.engine.groups import Group
from bench.executors.base import Standing, Work
from bench.executors.remote import Engine, Report

PATIENCE = 90.0  # seconds until a record must be seen here: network file systems look at a folder only so often


def longest_first(groups: Sequence[Group]) -> list[Group]:
    """Groups by about how long they take, so that no long one comes last and alone."""
    return sorted(groups, key=rough_macs, reverse=True)


@dataclass
class Fleet:
    """Groups on their way through an engine.

    Attributes:
        retries: How often in a row a group's worker may die without having finished a cell or an epoch.
        patience: See `PATIENCE`.
        queued: Most jobs at once, waiting or running; None: all.
        jobs: Job -> its group.
        elsewhere: Groups that other processes are at.
        stood: Group's key -> what was done of it when its worker was started.
        deaths: Group's key -> workers that died in a row.
    """

    engine: Engine
    work: Work
    retries: int
    patience: float = PATIENCE
    queued: int | None = None
    jobs: dict[str, Group] = field(default_factory=dict)
    waiting: list[Group] = field(default_factory=list)
    elsewhere: list[Group] = field(default_factory=list)
    stood: dict[str, int] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)

    def see_through(self, groups: Sequence[Group]) -> None:
        """Start the groups that nobody is at, in this order; attach to the others, and see all to their end.

        Raises:
            UsageError: The engine cannot do it, or a worker says what should stop the whole run. As after Ctrl-C, jobs
                are cancelled.
        """
        begun = {group.key for group in self.work.begun(groups)}
        try:
            for group in groups:
                self._begin(group, group.key in begun)
            while self.waiting or self.jobs or self.elsewhere:
                self._step()
        except BaseException:
            self.engine.cancel()
            raise

    def _begin(self, group: Group, begun: bool) -> None:
        if job := self.engine.attach(group):
            self._running(job, group, self.work.look(group))
        else:
            (self.elsewhere if begun and self.work.busy(group) else self.waiting).append(group)

    def _step(self) -> None:
        room = len(self.waiting) if self.queued is None else max(self.queued - len(self.jobs), 0)
        now, self.waiting = self.waiting[:room], self.waiting[room:]
        tasks = [(group, standing) for group in now if (standing := self.work.look(group)).open]
        if tasks:
            names = self.engine.submit([(group, standing.open) for group, standing in tasks])
            for job, (group, standing) in zip(names, tasks, strict=True):
                self._running(job, group, standing)
        self.work.say(f"{len(self.jobs)} groups with workers, {len(self.elsewhere)} with other processes")
        for job, report in self.engine.ended().items():
            self._ended(self.jobs.pop(job), report)
        for group in self.work.begun([*self.jobs.values(), *self.elsewhere]):
            self.work.look(group)
        others, self.elsewhere = self.elsewhere, []
        for group in others:
            (self.elsewhere if self.work.busy(group) else self.waiting).append(group)

    def _running(self, job: str, group: Group, standing: Standing) -> None:
        self.jobs[job] = group
        self.stood[group.key] = standing.done

    def _ended(self, group: Group, report: Report | str) -> None:
        if isinstance(report, str):
            self._died(group, report)
        elif report.problem:
            raise UsageError(f"{report.host}: {report.problem}")
        elif report.busy:
            self.elsewhere.append(group)
        else:
            self._see(group, report)

    def _died(self, group: Group, why: str) -> None:
        standing = self.work.look(group)
        self.deaths[group.key] = 1 if standing.done > self.stood[group.key] else self.deaths[group.key] + 1
        if standing.open and self.deaths[group.key] > self.retries:
            self.work.lost(group, why)
        elif standing.open:
            self.waiting.append(group)

    def _see(self, group: Group, report: Report) -> None:
        """Wait until the outcomes that a worker says are there are seen here."""
        began = time.monotonic()
        while still := self.work.look(group, report.failed).open:
            if time.monotonic() - began > self.patience:
                raise UsageError(
                    f"{report.host} has finished {still[0]}, but its record is not here or is stale. Results, data, "
                    "weights and this program must be the same files on all machines."
                )
            time.sleep(1)
