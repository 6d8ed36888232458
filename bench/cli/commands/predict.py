"""`bench predict`: what a saved model says of new files, and what it could not read."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.api.predict import predict


def show(
    cell: str, inputs: Path, results: Path, out: Path | None, files: Path | None, weights: Path | None,
    device: str | None,
) -> int:  # fmt: skip
    """Print a CSV of predictions, or write it; the exit code is 1 when a file could not be read.

    Arguments and errors are those of `bench.predict`.
    """
    found = predict(cell, inputs, results=results, out=out, files=files, weights=weights, device=device)
    if found.changed:
        print("The method's source has changed since these weights were kept.", file=sys.stderr)
    if found.left_out:
        print(f"Left out, being no images: {_some(found.left_out)}", file=sys.stderr)
    if out is None:
        print(found, end="")
    if found.written:
        print(f"{len(found.written)} files were written below {files}.", file=sys.stderr)
    wrong = found.unread
    which = f": {_some(wrong)}" if wrong else ""
    print(f"{len(found.guesses)} files, {len(wrong)} could not be read{which}.", file=sys.stderr)
    return int(bool(wrong))


def _some(files: list[Path], most: int = 5) -> str:
    return ", ".join(file.name for file in files[:most]) + (", ..." if len(files) > most else "")
