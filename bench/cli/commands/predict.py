"""`bench predict`: what a kept model says of new files."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.core.atomic import write_text
from bench.core.commands import command
from bench.core.errors import UsageError
from bench.engine.predictor import Guess, Predictor, load_model
from bench.plugins.folders import user_folders
from bench.records import Store
from bench.records.files import weights_beside
from bench.tables.naming import one_run


def predict(
    cell: str, inputs: Path, results: Path, out: Path | None, weights: Path | None, device: str | None
) -> int:  # fmt: skip
    """Write a CSV of predictions; the exit code is 1 when a file could not be read.

    Args:
        cell: A filter that names one run, or a file of kept weights.
        inputs: A folder, searched with its folders, or one file.

    Raises:
        UsageError: There is no such run or model, or nothing to predict on.
    """
    from bench.data.inference_inputs import inputs_in

    model = load_model(kept_file(cell, results), weights, device)
    if model.changed:
        print("The method's source has changed since these weights were kept.", file=sys.stderr)
    files, others = inputs_in(inputs, model.takes_images)
    if others:
        print(f"Left out, being no images: {_some(others)}", file=sys.stderr)
    guesses = list(model.guesses(files))
    text = as_csv(guesses, model, inputs if inputs.is_dir() else inputs.parent)
    if out is None:
        print(text, end="")
    else:
        write_text(out, text)
    wrong = [Path(guess.name) for guess in guesses if guess.problem]
    which = f": {_some(wrong)}" if wrong else ""
    print(f"{len(guesses)} files, {len(wrong)} could not be read{which}.", file=sys.stderr)
    return int(bool(wrong))


def kept_file(cell: str, results: Path) -> Path:
    """The file of kept weights that a path, or a filter that names one run, stands for.

    Raises:
        UsageError: The filter names no run or several.
    """
    if cell.endswith(".safetensors"):
        return Path(cell)
    store = Store(results)
    record = one_run(list(store.readable()), cell)
    file = weights_beside(store.path(record.cell))
    if not file.is_file():
        again = command("run", record.cell, "--keep-weights", results=results, plugins=user_folders())
        raise UsageError(
            f"The weights of {record.cell} were not kept. Run it again, with --data where it needs it: {again}"
        )
    return file


def as_csv(guesses: list[Guess], model: Predictor, below: Path) -> str:
    """One line a file: its path, the most probable class with its probability, those of all classes, and the problem
    of a file that could not be read."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "predicted", "confidence", *(f"p({name})" for name in model.classes), "problem"])
    writer.writerows(_row(guess, model.classes, below) for guess in guesses)
    return text.getvalue()


def _row(guess: Guess, classes: tuple[str, ...], below: Path) -> Iterator[str]:
    yield str(Path(guess.name).relative_to(below))
    if guess.problem:
        yield from ["", "", *([""] * len(classes)), guess.problem]
        return
    best = int(guess.probabilities.argmax())
    yield from [classes[best], *(f"{value:.6f}" for value in (guess.probabilities[best], *guess.probabilities)), ""]


def _some(files: list[Path], most: int = 5) -> str:
    return ", ".join(file.name for file in files[:most]) + (", ..." if len(files) > most else "")
