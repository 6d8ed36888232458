"""Who is at what in a results folder, read from the files that running processes keep there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.core.locks import held

CHECKPOINTS = ".checkpoints"  # in a results folder: a folder, a lock and perhaps a job a group
AT_IT = "group.json"  # in a group's folder
JOB = ".job"  # the suffix of the file that names a group's job


@dataclass(frozen=True)
class AtIt:
    """What a process says of the group that it is at, or was at when it died.

    Attributes:
        epochs: Of training that the group needs in all.
        cells: Canonical names of its cells without an outcome when it began.
    """

    host: str
    process: int
    epochs: int
    cells: list[str]


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
    """The groups of a results folder that have begun, or have a job, in no order that matters."""
    checkpoints = results / CHECKPOINTS
    for stem in sorted({path.stem for path in checkpoints.glob("*")} if checkpoints.is_dir() else set()):
        place = checkpoints / stem
        at_it, job = _read(place / AT_IT), _read(place.with_suffix(JOB))
        if at_it or job:
            yield _underway(place, AtIt(**at_it) if at_it else None, job)


def _underway(place: Path, at_it: AtIt | None, job: dict[str, Any] | None) -> Underway:
    with held(place.with_suffix(".lock"), wait=False) as free:
        state: Literal["running", "waiting", "stopped"] = "waiting" if job else "stopped"
        if not free:
            state = "running"
    named = [f"{at_it.host} process {at_it.process}"] if at_it and state == "running" else []
    named += [f"job {job['job']}"] if job else []
    done = [_read(file) for file in place.glob("*/progress.json")]
    epochs = sum(one["progress"]["epoch"] for one in done if one)
    return Underway(
        state, ", ".join(named), epochs, at_it.epochs if at_it else 0, at_it.cells if at_it else (job or {})["cells"]
    )


def _read(file: Path) -> dict[str, Any] | None:
    """A small JSON that another process may remove meanwhile."""
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found
