"""Groups as tasks of Ray."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from bench.core.errors import UsageError
from bench.executors.base import Executor, Work

if TYPE_CHECKING:
    from bench.engine.groups import Group
    from bench.engine.settings import Settings
    from bench.executors.remote import Report

POLL = 1.0  # seconds


class Ray(Executor):
    """Groups as tasks of Ray, on this machine or on a running Ray cluster."""

    address: str = Field("local", description="of a running cluster, or auto for the one on this machine; local: none")
    gpus: float | None = Field(None, ge=0, description="a group; none: 1 where there are any, unless --device is cpu")
    threads: int | None = Field(None, ge=1, description="torch threads, and cores; none: as many as here")
    memory_gb: float | None = Field(None, gt=0, description="memory that Ray sets aside for a group")
    workers: int | None = Field(None, ge=1, description="groups at once on this machine; none: as many as fit")
    retries: int = Field(3, ge=0, description="deaths in a row without a finished epoch before a group is given up")
    queued: int | None = Field(None, ge=1, description="groups sent to Ray at once, waiting or running; none: all")
    cell: bool = Field(False, description="the GPUs of a group share each of its cells, a process a GPU")
    fresh: bool | None = Field(None, description="a new process for every group; none: where a group has a GPU")

    def check(self, settings: Settings) -> None:
        from bench.executors.remote import refuse_indexed

        refuse_indexed(settings)
        if self.workers is not None and self.address != "local":
            raise UsageError("ray[workers] is for Ray on this machine; a cluster has the workers that fit its nodes.")
        if self.cell and (self.gpus is None or self.gpus < 2 or self.gpus % 1):
            raise UsageError("ray[cell=true] shares a cell among whole GPUs: say how many, as ray[gpus=2,cell=true].")
        if self.address == "local" and self.gpus:
            _check_gpus(self.gpus)

    def execute(self, groups: Sequence[Group], settings: Settings, work: Work) -> None:
        from bench.executors.fleet import Fleet, longest_first
        from bench.executors.ray_session import connected
        from bench.executors.remote import portable

        sent = portable(settings, self.threads)
        assert sent.threads is not None
        if groups:
            with connected(self.address, self.workers and self.workers * sent.threads, settings.debug) as ray:
                Fleet(_Tasks(self, sent, ray), work, self.retries, queued=self.queued).see_through(
                    longest_first(groups)
                )


class _Tasks:
    """Implements `bench.executors.remote.Engine`. Ray's own retries are off: those after a lack of memory never end."""

    def __init__(self, chosen: Ray, settings: Settings, ray: Any) -> None:
        from bench.executors.remote import at_work, at_work_together

        self.ray, self.settings = ray, settings
        self.needs = _needs(chosen, settings, ray)
        options = {"num_cpus": self.needs["CPU"], "num_gpus": self.needs["GPU"], "memory": self.needs["memory"]}
        fresh = self.needs["GPU"] > 0 if chosen.fresh is None else chosen.fresh
        self.more = (int(self.needs["GPU"]),) if chosen.cell else ()
        job = at_work_together if chosen.cell else at_work
        self.task = ray.remote(**options, max_retries=0, max_calls=int(fresh))(job)
        self.jobs: dict[str, Any] = {}

    def submit(self, tasks: Sequence[tuple[Group, Sequence[str]]]) -> list[str]:
        self._check_fit()
        started = [self.task.remote(list(names), self.settings, *self.more) for _, names in tasks]
        self.jobs |= {task.hex(): task for task in started}
        return [task.hex() for task in started]

    def attach(self, group: Group) -> str | None:
        return None  # Ray ends the tasks of a process that has gone

    def ended(self) -> Mapping[str, Report | str]:
        if not self.jobs:
            time.sleep(POLL)
            return {}
        self.ray.wait(list(self.jobs.values()), num_returns=1, timeout=POLL)
        ready, _ = self.ray.wait(list(self.jobs.values()), num_returns=len(self.jobs), timeout=0)
        return {task.hex(): self._outcome(self.jobs.pop(task.hex())) for task in ready}

    def cancel(self) -> None:
        for task in self.jobs.values():
            self.ray.cancel(task, force=True)

    def _outcome(self, task: Any) -> Report | str:
        errors = self.ray.exceptions
        try:
            report: Report = self.ray.get(task)
        except errors.RayTaskError as error:
            raise UsageError(f"A worker could not begin: {str(error).strip().splitlines()[-1]}") from error
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError, errors.ObjectLostError) as e:
            return f"Its worker died: {str(e).strip().splitlines()[0]}"
        return report

    def _check_fit(self) -> None:
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        if not any(all(node.get(what, 0) >= much for what, much in self.needs.items()) for node in nodes):
            asked = ", ".join(f"{much:g} {what}" for what, much in self.needs.items() if much)
            raise UsageError(
                f"No node of the {len(nodes)} in Ray has {asked}. Ask for less: --executor ray[gpus=...,threads=...]."
            )


def _needs(chosen: Ray, settings: Settings, ray: Any) -> dict[str, float]:
    """What one group asks of a node, by Ray's names."""
    gpus = chosen.gpus
    if gpus is None:
        gpus = float(settings.device != "cpu" and ray.cluster_resources().get("GPU", 0) > 0)
    processes = gpus if chosen.cell else 1.0
    return {"CPU": processes * (settings.threads or 1), "GPU": gpus, "memory": (chosen.memory_gb or 0) * 2**30}


def _check_gpus(number: float) -> None:
    """Raise UsageError when this machine has fewer GPUs; Ray alone would wait for more for ever."""
    import torch

    if number > torch.cuda.device_count():
        raise UsageError(f"This machine has {torch.cuda.device_count()} GPUs, and ray[gpus={number:g}] asks for more.")
