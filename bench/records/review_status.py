"""How far a result from outside has been checked: submitted, rerun by a maintainer, confirmed by who sent it.

One line a step in ``review_status.jsonl`` of the results folder, never removed. A step is about one set of predictions:
a record that is replaced loses its status. Records without a line were made here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from bench.core.appending import append, whole_lines
from bench.core.errors import UsageError, nearest
from bench.records.schema import Record

FILE = "review_status.jsonl"
Status = Literal["submitted", "rerun", "confirmed"]
STATUSES: tuple[Status, ...] = get_args(Status)  # in the order in which a result passes them


@dataclass(frozen=True)
class Step:
    """One step of one record.

    Attributes:
        predictions: The digest of the predictions it is about.
        by: Who took it.
        time: In UTC, ISO 8601.
    """

    cell: str
    predictions: str
    status: Status
    by: str
    time: str = ""


def read(folder: Path) -> dict[str, list[Step]]:
    """Cell -> its steps in order.

    Raises:
        UsageError: A line cannot be read.
    """
    file, found = folder / FILE, dict[str, list[Step]]()
    for number, line in whole_lines(file):
        try:
            step = Step(**json.loads(line))
        except (ValueError, TypeError):
            raise UsageError(f"{file}, line {number}: this is no step of a submission. Restore the line.") from None
        found.setdefault(step.cell, []).append(step)
    return found


def latest(steps: Iterable[Step], record: Record) -> Step | None:
    """The last step that is about these predictions, or None."""
    return next((step for step in reversed(list(steps)) if step.predictions == record.predictions), None)


def advance(folder: Path, records: Iterable[Record], status: str, by: str) -> list[Step]:
    """Take a step for records, and return the steps taken.

    Raises:
        UsageError: The status is unknown, a record has not reached the one before it, or the file cannot be written.
    """
    if status not in STATUSES:
        raise UsageError(f"No status {status!r}. {nearest(status, STATUSES)}")
    known, taken = read(folder), []
    for record in records:
        now = latest(known.get(record.cell, []), record)
        place = STATUSES.index(now.status) + 1 if now else 0
        if STATUSES.index(status) > place:
            raise UsageError(f"{record.cell} is not {STATUSES[place]} yet, so it cannot be {status}.")
        when = datetime.now(UTC).isoformat(timespec="seconds")
        taken.append(Step(record.cell, record.predictions or "", status, by, when))
    lines = "".join(json.dumps(asdict(step), ensure_ascii=False) + "\n" for step in taken)
    append(folder / FILE, lines, folder / ".lock", "standing")
    return taken
