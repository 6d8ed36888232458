"""`bench.predict`: what a saved model says of new files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.places import Place, Results, opened, path
from bench.core.atomic import write_text
from bench.core.commands import command
from bench.core.errors import UsageError
from bench.core.speed import set_before_torch
from bench.plugins.folders import user_folders
from bench.records import Store
from bench.records.files import weights_beside
from bench.tables.naming import one_run

if TYPE_CHECKING:
    import pandas as pd

    from bench.engine.predictor import Guess


@dataclass(frozen=True)
class Predictions:
    """Class probabilities of files; prints as CSV.

    Attributes:
        classes: Names in the order of the probabilities.
        guesses: One a file, in order; with a problem where it could not be read.
        folder: What the files' names in tables are relative to.
        left_out: Files that are none of the model's inputs.
        changed: Whether the method's source has changed since the weights were saved.
    """

    classes: tuple[str, ...]
    guesses: list[Guess]
    folder: Path
    left_out: list[Path]
    changed: bool

    @property
    def unread(self) -> list[Path]:
        """Files that could not be read."""
        return [Path(guess.name) for guess in self.guesses if guess.problem]

    def __str__(self) -> str:
        """One line a file: its path, the most probable class with its probability, those of all classes, and the
        problem of a file that could not be read."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["file", "predicted", "confidence", *(f"p({name})" for name in self.classes), "problem"])
        writer.writerows(self._row(guess) for guess in self.guesses)
        return text.getvalue()

    def frame(self) -> pd.DataFrame:
        """The same as a table of pandas."""
        import pandas as pd

        return pd.read_csv(io.StringIO(str(self)), dtype={"file": str, "predicted": str, "problem": str})

    def _repr_html_(self) -> str:
        return str(self.frame().to_html())

    def _row(self, guess: Guess) -> Iterator[str]:
        yield str(Path(guess.name).relative_to(self.folder))
        if guess.problem:
            yield from ["", "", *([""] * len(self.classes)), guess.problem]
            return
        best = int(guess.probabilities.argmax())
        yield self.classes[best]
        yield from (f"{value:.6f}" for value in (guess.probabilities[best], *guess.probabilities))
        yield ""


def predict(
    cell: Place,
    inputs: Place,
    *,
    results: Results = "runs",
    out: Place | None = None,
    weights: Place | None = None,
    device: str | None = None,
    plugins: Iterable[Place] = (),
) -> Predictions:
    """Classify new images or volumes by what was trained.

    Args:
        cell: A filter that names one run kept with ``keep_weights``, or the file of its weights.
        inputs: A folder, searched with its folders, or one file.
        results: Folder of the records.
        out: A CSV file to write.
        weights: Folder of pre-trained weights, or None for ``BENCH_WEIGHTS`` or timm's hub.
        device: torch device name, or None for CUDA when there is one, else the CPU.
        plugins: Further folders of plug-ins.

    Raises:
        UsageError: There is no such run or model, or nothing to predict on.
    """
    set_before_torch()
    from bench.data.inference_inputs import inputs_in
    from bench.engine.predictor import load_model

    with opened(results, plugins) as store:
        model = load_model(saved_model(str(cell), store), path(weights), device)
    given = Path(inputs)
    files, others = inputs_in(given, model.takes_images)
    folder = given if given.is_dir() else given.parent
    found = Predictions(model.classes, list(model.guesses(files)), folder, others, model.changed)
    if out is not None:
        write_text(Path(out), str(found))
    return found


def saved_model(cell: str, store: Store) -> Path:
    """The file of a saved model that a path, or a filter that names one run, stands for.

    Raises:
        UsageError: The filter names no run or several.
    """
    if cell.endswith(".safetensors"):
        return Path(cell)
    record = one_run(list(store.readable()), cell)
    file = weights_beside(store.path(record.cell))
    if not file.is_file():
        again = command("run", record.cell, "--keep-weights", results=store.folder, plugins=user_folders())
        raise UsageError(
            f"The weights of {record.cell} were not kept. Run it again, with --data where it needs it: {again}"
        )
    return file
