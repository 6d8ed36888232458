"""Slurm's queue by its own commands, which need no accounting database."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench.core.errors import UsageError

PATIENCE = 100  # polls in a row that may fail before the queue counts as gone
NEVER = re.compile("Invalid|BadConstraints|NeverSatisfied|launch.failed|(PartitionTime|PartitionNode|PerJob)Limit")
AT_ONCE = 200  # jobs that one command names


@dataclass
class Queue:
    """Jobs that wait or run.

    Attributes:
        failed: Polls that failed in a row; the first must not.
    """

    failed: int = PATIENCE

    def alive(self, mine: Collection[str]) -> set[str] | None:
        """Jobs of this user that wait or run; None when the queue does not answer this time.

        Raises:
            UsageError: It has not answered for long, or says that a job of ``mine`` will never start.
        """
        asked = subprocess.run(["squeue", "--me", "-r", "-h", "-o", "%i|%r"], capture_output=True, text=True)
        self.failed = self.failed + 1 if asked.returncode else 0
        if self.failed > PATIENCE:
            raise UsageError(f"Slurm's queue does not answer: {asked.stderr.strip() or asked.returncode}")
        reasons = dict(line.split("|", 1) for line in asked.stdout.splitlines())
        for name in reasons.keys() & set(mine):
            if NEVER.search(reasons[name]):
                raise UsageError(f"Slurm will never start job {name} ({reasons[name]}). Change --executor slurm[...].")
        return None if asked.returncode else set(reasons)

    def cancel(self, jobs: Sequence[str]) -> None:
        """Cancel jobs; those that have ended are none of its business."""
        for first in range(0, len(jobs), AT_ONCE):
            subprocess.run(["scancel", *jobs[first : first + AT_ONCE]], check=False)

    def longest_array(self) -> int:
        """Tasks that one array may have."""
        shown = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", shown, re.MULTILINE)
        return max(int(found.group(1)) - 1, 1) if found else 1000
