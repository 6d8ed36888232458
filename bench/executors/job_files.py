"""submitit, and the files of its jobs: the note that names a group's job, what a job has left, its log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.core import extras
from bench.core.errors import UsageError
from bench.engine.groups import Group
from bench.engine.settings import Settings
from bench.engine.status import JOB
from bench.executors.remote import Report


def submitter(folder: Path, cluster: str) -> Any:
    """submitit's executor on this folder.

    Raises:
        UsageError: submitit or Slurm is not here.
    """
    extras.check("submitit", "The executor slurm")
    import submitit

    try:
        return submitit.AutoExecutor(folder=folder, cluster=cluster)
    except RuntimeError as error:
        raise UsageError("There is no Slurm here: srun is not on the PATH. Run this on a login node.") from error


def note_of(group: Group, settings: Settings) -> Path:
    """The file beside a group's checkpoints that names its job."""
    return group.folder(settings.results).with_suffix(JOB)


def outcome_of(job: Any) -> Report | str:
    """What a job has left, if another run that is attached to it has not taken it; its files go.

    Raises:
        UsageError: It could not begin, and neither could others.
    """
    from submitit.core.utils import pickle_load

    try:
        outcome, result = pickle_load(job.paths.result_pickle)
    except FileNotFoundError:
        return f"Another run has taken the result of job {job.job_id}."
    if outcome == "error":
        raise UsageError(f"Job {job.job_id} could not begin: {result.strip().splitlines()[-1]} ({job.paths.stderr})")
    for file in (job.paths.result_pickle, job.paths.submitted_pickle, job.paths.stdout, job.paths.stderr):
        file.unlink(missing_ok=True)
    report: Report = result
    return report


def last_words(log: Path) -> str:
    """The end of a sentence on a job that died: the last line of its log, and where that is."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    return f": {lines[-1]} ({log})" if lines else f" without a word ({log})."
