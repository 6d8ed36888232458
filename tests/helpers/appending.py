"""A writer of the log of test-set evaluations that another process can import."""

from __future__ import annotations

from pathlib import Path

from bench.records.evaluation_log import Evaluation, append


def evaluation(number: int) -> Evaluation:
    """The opening of one made cell."""
    return Evaluation(
        f"digits/pico/knn/quick/seed={number}", "fit", {"method": "m"}, "limited", 1, "2026-01-01T00:00:00+00:00"
    )


def write_many(folder: Path, first: int, count: int) -> None:
    """Append test-set evaluations one by one."""
    for number in range(first, first + count):
        append(folder, evaluation(number))
