"""The log of every test-set evaluation: append-only, so that no rerun and no deleted record makes one forgotten.

``test_evaluations.jsonl`` in a results folder holds a line an evaluation. Several processes may append at once; a line
that a killed process has left half written is passed over, and the next one begins on a line of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from bench.cells.cell import parsed
from bench.cells.notation import Spec
from bench.core import appending
from bench.core.errors import UsageError

FILE = "test_evaluations.jsonl"


@dataclass(frozen=True)
class Evaluation:
    """One stage's look at a test split.

    Attributes:
        cell: Canonical name of the cell.
        stage: What was evaluated.
        fingerprints: Of the cell, as in its record.
        protocol: The data set's protocol.
        times: How often it looked: once after selection, or every epoch where the test split itself selected.
        time: When, UTC, ISO 8601.
    """

    cell: str
    stage: str
    fingerprints: dict[str, str]
    protocol: str
    times: int
    time: str

    @property
    def place(self) -> str:
        """Data set and protocol in words."""
        return f"{_dataset(self.cell)} ({self.protocol})"

    @property
    def configuration(self) -> str:
        """The cell without its seeds, and its stage."""
        return f"{self.cell.rpartition('/')[0]} {self.stage}"

    @property
    def revision(self) -> str:
        """What decided the result, the data (which may vary with the seed) aside."""
        return json.dumps({name: value for name, value in self.fingerprints.items() if name != "data"}, sort_keys=True)


_LINE = TypeAdapter(Evaluation)


def now() -> str:
    """The time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def append(folder: Path, evaluation: Evaluation) -> None:
    """Note an evaluation, before anybody sees what came of it.

    Raises:
        UsageError, DiskFull: The log cannot be written; the test split must then stay shut.
    """
    line = json.dumps(asdict(evaluation), sort_keys=True) + "\n"
    appending.append(folder / FILE, line, folder / f".{FILE}.lock", "evaluation")


def read(folder: Path) -> Iterator[Evaluation]:
    """Every evaluation, in the order of the log.

    Raises:
        UsageError: A whole line is no test-set evaluation; the message names it.
    """
    for number, line in appending.whole_lines(folder / FILE):
        try:
            evaluation = _LINE.validate_json(line)
            datetime.fromisoformat(evaluation.time)
            parsed(evaluation.cell)
        except (ValueError, UsageError):
            raise UsageError(
                f"{folder / FILE}, line {number}: this is no test-set evaluation. Restore the line: the log counts how "
                "often test sets were evaluated."
            ) from None
        yield evaluation


@lru_cache(maxsize=1 << 14)
def _dataset(cell: str) -> str:
    dataset = parsed(cell).dataset
    return str(Spec(dataset.name, {key: value for key, value in dataset.params.items() if key != "protocol"}))
