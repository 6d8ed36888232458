"""Groups as tasks of Slurm job arrays, through submitit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from bench.core.errors import UsageError
from bench.executors.base import Executor, Work

if TYPE_CHECKING:
    from bench.engine.groups import Group
    from bench.engine.settings import Settings


class Slurm(Executor):
    """Groups as tasks of Slurm job arrays; needs neither accounting nor this process to stay."""

    partition: str = Field("", description="where jobs go; empty: the cluster's default")
    time: str = Field("4h", pattern=r"^\d+[mhd]$", description="of a job: 30m, 4h, 2d; longer groups go on after it")
    array: int = Field(64, ge=1, description="jobs of one array that run at once")
    gpus: int | None = Field(None, ge=0, description="a group; none: 1, unless --device is cpu")
    threads: int | None = Field(None, ge=1, description="torch threads, and cores; none: as many as here")
    memory_gb: float | None = Field(None, gt=0, description="memory of a group; none: the cluster's default")
    options: str = Field("", description="a shell file: its #SBATCH lines are added, its other lines run first")
    retries: int = Field(2, ge=0, description="deaths in a row without a finished epoch before a group is given up")
    queued: int | None = Field(None, ge=1, description="jobs in the queue at once, waiting or running; none: all")
    poll: float = Field(5.0, gt=0, description="seconds between two polls of the queue")
    cluster: Literal["slurm", "local"] = Field("slurm", description="local: processes of this machine, all at once")

    def check(self, settings: Settings) -> None:
        from bench.executors.remote import refuse_indexed

        refuse_indexed(settings)
        if self.options and not Path(self.options).is_file():
            raise UsageError(f"There is no file {self.options}. Change slurm[options=...].")

    def execute(self, groups: Sequence[Group], settings: Settings, work: Work) -> None:
        from bench.executors.arrays import Arrays
        from bench.executors.fleet import Fleet, longest_first
        from bench.executors.queue import Queue
        from bench.executors.remote import portable

        if groups:
            sent = portable(settings, self.threads)
            queue = Queue() if self.cluster == "slurm" else None
            arrays = Arrays(sent, self.parameters(sent), self.poll, queue)
            Fleet(arrays, work, self.retries, queued=self.queued).see_through(longest_first(groups))

    def parameters(self, settings: Settings) -> dict[str, Any]:
        """What submitit is told."""
        number, unit = int(self.time[:-1]), {"m": 1, "h": 60, "d": 1440}[self.time[-1]]
        text = Path(self.options).read_text() if self.options else ""
        given = re.findall(r"^#SBATCH\s+--([\w-]+)(?:[= ](.*))?$", text, re.MULTILINE)
        gpus = int(settings.device != "cpu") if self.gpus is None else self.gpus
        found = {
            "name": "bench",
            "timeout_min": number * unit,
            "cpus_per_task": settings.threads,
            "mem_gb": self.memory_gb,
            "gpus_per_node": gpus or None,
            "slurm_array_parallelism": self.array,
            "slurm_partition": self.partition or None,
            "slurm_additional_parameters": {key: value.strip() or True for key, value in given} or None,
            "slurm_setup": [line for line in text.splitlines() if line and not line.startswith("#")] or None,
        }
        return {key: value for key, value in found.items() if value is not None}
