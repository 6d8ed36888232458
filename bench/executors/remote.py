"""What executors past this process have in common: what a worker is told, does and reports."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.backbones.local import weights_folder
from bench.callbacks.base import absolute
from bench.core.errors import BenchError, UsageError
from bench.core.launch import launched
from bench.core.speed import set_before_torch
from bench.data.roots import CACHE_VARIABLE, cache_root, data_root
from bench.engine.settings import Settings

if TYPE_CHECKING:
    from bench.engine.groups import Group

PATHS = ("BENCH_DATA", "BENCH_WEIGHTS", "BENCH_PLUGINS", CACHE_VARIABLE)


@dataclass(frozen=True)
class Report:
    """How a worker came to its end.

    Attributes:
        host: Where it was.
        failed: Cells that failed; their records say why.
        busy: Another process is at the group.
        problem: What should stop the whole run, or nothing.
    """

    host: str
    failed: tuple[str, ...] = ()
    busy: bool = False
    problem: str = ""


class Engine(Protocol):
    """What hands groups to workers. A job is one worker's task, by a name that stays."""

    def submit(self, tasks: Sequence[tuple[Group, Sequence[str]]]) -> list[str]:
        """Start a job for some cells of each group, the first ones first; returns the jobs in this order."""

    def attach(self, group: Group) -> str | None:
        """The group's job that an earlier process has left behind, if it is still waiting or running."""

    def ended(self) -> Mapping[str, Report | str]:
        """Jobs that have ended since the last call: their reports, or why a worker died. Waits a little."""

    def cancel(self) -> None:
        """Cancel all jobs that have not ended."""


def refuse_indexed(settings: Settings) -> None:
    """Raise UsageError for a device with a number, which means nothing on another machine."""
    name, _, number = (settings.device or "").partition(":")
    if number:
        raise UsageError(
            f"Device {settings.device} has a number, and workers have GPUs of their own: use --device {name}."
        )


def portable(settings: Settings, threads: int | None) -> Settings:
    """Settings that mean the same in any folder of any machine that sees the same files.

    Args:
        threads: Of a worker; None: as many as this process computes with, so that records are equal to its own.
    """
    import torch

    variables = {name: _absolute(value) if name in PATHS else value for name, value in _bench(os.environ).items()}
    weights = weights_folder(settings.weights)
    return replace(
        settings,
        results=settings.results.absolute(),
        data=data_root(settings.data).absolute() if settings.data or "BENCH_DATA" in variables else None,
        weights=weights.absolute() if weights else None,
        plugins=tuple(folder.absolute() for folder in settings.plugins),
        callbacks=tuple(absolute(text) for text in settings.callbacks),
        threads=threads or torch.get_num_threads(),
        variables={**variables, CACHE_VARIABLE: str(cache_root().absolute())},
        quiet=True,
    )


def _absolute(paths: str) -> str:
    return os.pathsep.join(str(Path(path).absolute()) for path in paths.split(os.pathsep) if path)


def _bench(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith("BENCH_") and value}


def at_work(names: Sequence[str], settings: Settings) -> Report:
    """A worker's whole task: carry out cells of one group here, unless another process is at them."""
    if settings.variables is not None:
        for name in _bench(os.environ).keys() - settings.variables.keys():
            del os.environ[name]
        os.environ.update(settings.variables)
    set_before_torch()
    import torch

    from bench.engine.run import carry_out

    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    host = platform.node()
    try:
        done = carry_out(names, settings, wait=launched())  # processes of one cell wait together
    except BenchError as error:
        return Report(host, problem=str(error))
    return Report(host, tuple(done.failed), bool(done.left))


def at_work_together(names: Sequence[str], settings: Settings, processes: int) -> Report:
    """`at_work` in several processes that share each cell, one a GPU (see `bench.core.ranks`).

    Raises:
        ChildFailedError: One of them died, and the others were ended.
    """
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(1, 1, processes, rdzv_backend="c10d", rdzv_endpoint="127.0.0.1:0", max_restarts=0)
    reports: dict[int, Report] = elastic_launch(config, at_work)(names, settings)
    return reports[0]
