"""Who is at what in a results folder, read from the files that running processes keep there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import TypeAdapter

from bench.core.errors import UsageError
from bench.core.locks import held

_T = TypeVar("_T")
CHECKPOINTS = ".checkpoints"  # in a results folder: a folder, a lock and perhaps a job a group
AT_IT = "group.json"  # in a group's folder
JOB = ".job"  # the suffix of the file that names a group's job


@dataclass(frozen=True)
class AtIt:
    """What a process says of the group that it is at, or was at when it died.

    Attributes:
        epochs: Of training that the group needs in all.
        cells: Canonical names of its cells without an outcome when it began.
        stages: Folders of these cells' checkpoints: those of another recipe may lie beside them.
    """

    host: str
    process: int
    epochs: int
    cells: list[str]
    stages: list[str] = field(default_factory=list)  # a file of an older version has none


@dataclass(frozen=True)
class _Job:
    """What the file of a group's job says."""

    job: str
    cells: list[str]


@dataclass(frozen=True)
class _Progress:
    epoch: int


@dataclass(frozen=True)
class _Checkpoint:
    """The one thing of a learner's checkpoint that is told."""

    progress: _Progress


@dataclass(frozen=True)
class Underway:
    """A group with something to do.

    Attributes:
        state: ``running``; ``waiting`` for a worker; ``stopped``, to go on with the next run.
        where: Host and process, and the job.
        done: Epochs that checkpoints hold, of so many.
    """

    state: Literal["running", "waiting", "stopped"]
    where: str
    done: int
    epochs: int
    cells: list[str]


def underway(results: Path) -> Iterator[Underway]:
    """The groups of a results folder that have begun, or have a job, in no order that matters.

    Raises:
        UsageError: A file there is damaged.
    """
    checkpoints = results / CHECKPOINTS
    for stem in sorted({path.stem for path in checkpoints.glob("*")} if checkpoints.is_dir() else set()):
        place = checkpoints / stem
        at_it, job = _read(place / AT_IT, AtIt), _read(place.with_suffix(JOB), _Job)
        if at_it or job:
            yield _underway(place, at_it, job)


def _underway(place: Path, at_it: AtIt | None, job: _Job | None) -> Underway:
    with held(place.with_suffix(".lock"), wait=False) as free:
        state: Literal["running", "waiting", "stopped"] = "waiting" if job else "stopped"
        if not free:
            state = "running"
    named = [f"{at_it.host} process {at_it.process}"] if at_it and state == "running" else []
    named += [f"job {job.job}"] if job else []
    done = [_read(place / stage / "progress.json", _Checkpoint) for stage in (at_it.stages if at_it else ())]
    epochs = sum(one.progress.epoch for one in done if one)
    cells = at_it.cells if at_it else job.cells if job else []
    return Underway(state, ", ".join(named), epochs, at_it.epochs if at_it else 0, cells)


def _read(file: Path, kind: type[_T]) -> _T | None:
    """A small JSON that another process may remove meanwhile."""
    try:
        return TypeAdapter(kind).validate_json(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, OSError) as error:
        raise UsageError(f"{file} is damaged. Remove it: `bench run` can do without.") from error
