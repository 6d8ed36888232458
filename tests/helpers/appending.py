"""A writer of the log of openings that another process can import."""

from __future__ import annotations

from pathlib import Path

from bench.records.openings import Opening, append


def opening(number: int) -> Opening:
    """The opening of one made cell."""
    return Opening(
        f"digits/pico/knn/quick/seed={number}", "fit", {"method": "m"}, "limited", 1, "2026-01-01T00:00:00+00:00"
    )


def write_many(folder: Path, first: int, count: int) -> None:
    """Append openings one by one."""
    for number in range(first, first + count):
        append(folder, opening(number))
