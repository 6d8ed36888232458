"""`bench.predict`: what a saved model says of new files."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bench.api.places import Place, Results, opened, path
from bench.core.atomic import write_atomic, write_text
from bench.core.commands import command
from bench.core.errors import UsageError
from bench.core.speed import set_before_torch
from bench.plugins.folders import user_folders
from bench.records import Store
from bench.records.files import weights_beside
from bench.tables.naming import one_run
from bench.tasks.base import Task

if TYPE_CHECKING:
    import pandas as pd

    from bench.engine.predictor import Guess, Predictor


@dataclass(frozen=True)
class Predictions:
    """What a model says of files; prints as CSV.

    Attributes:
        classes: Names of the outputs, in order.
        task: The model's task, which words what is found.
        folder: What the files' names are relative to.
        guesses: One a file, in order; with a problem where it could not be read.
        left_out: Files that are none of the model's inputs.
        changed: Whether the method's source has changed since the weights were saved.
        written: Further files that were written: pictures, masks, boxes.
    """

    classes: tuple[str, ...]
    task: Task
    guesses: list[Guess]
    folder: Path
    left_out: list[Path]
    changed: bool
    written: tuple[Path, ...] = ()

    @property
    def unread(self) -> list[Path]:
        """Files that could not be read."""
        return [self.folder / guess.name for guess in self.guesses if guess.problem]

    def __str__(self) -> str:
        """Lines of a file's path, what the task says of it, and the problem of a file that could not be read: for
        classes the most probable one with its probability, and those of all; for objects a line each."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = self.task.columns(self.classes)
        writer.writerow(["file", *columns, "problem"])
        for guess in self.guesses:
            lines = [[""] * len(columns)] if guess.found is None else self.task.lines(guess.found, self.classes)
            writer.writerows([guess.name, *line, guess.problem] for line in lines)
        return text.getvalue()

    def frame(self) -> pd.DataFrame:
        """The same as a table of pandas."""
        import pandas as pd

        return pd.read_csv(io.StringIO(str(self)), dtype={"file": str, "predicted": str, "class": str, "problem": str})

    def _repr_html_(self) -> str:
        return str(self.frame().to_html())


def predict(
    cell: Place,
    inputs: Place,
    *,
    results: Results = "runs",
    out: Place | None = None,
    files: Place | None = None,
    weights: Place | None = None,
    device: str | None = None,
    plugins: Iterable[Place] = (),
) -> Predictions:
    """Predict on new images or volumes by what was trained.

    Args:
        cell: A filter that names one run kept with ``keep_weights``, or the file of its weights.
        inputs: A folder, searched with its folders, or one file.
        results: Folder of the records.
        out: A CSV file to write.
        files: A folder for what fits no table: masks, pictures with boxes drawn, boxes in COCO's form.
        weights: Folder of pre-trained weights, or None for ``BENCH_WEIGHTS`` or timm's hub.
        device: torch device name, or None for CUDA when there is one, else the CPU.
        plugins: Further folders of plug-ins.

    Raises:
        UsageError: There is no such run or model, nothing to predict on, or no files to write for its task.
    """
    set_before_torch()
    from bench.data.inference_inputs import inputs_in
    from bench.engine.predictor import load_model

    with opened(results, plugins) as store:
        model = load_model(saved_model(str(cell), store), path(weights), device)
    given = Path(inputs)
    chosen, others = inputs_in(given, model.takes_images)
    folder, task = given if given.is_dir() else given.parent, model.task
    task.columns(model.classes)  # a task that cannot write predictions says so before any are made
    if files is not None and not _writes(task):
        raise UsageError(f"Predictions of {task.plugin_name()} are all in the table. Leave --files out.")
    guesses = list(model.guesses(chosen, lambda file: file.relative_to(folder).as_posix()))
    written = () if files is None else tuple(_written(model, guesses, folder, Path(files)))
    found = Predictions(model.classes, task, guesses, folder, others, model.changed, written)
    if out is not None:
        write_text(Path(out), str(found))
    return found


def _writes(task: Task) -> bool:
    """Whether a task's predictions hold what fits no table."""
    return any(getattr(type(task), name) is not getattr(Task, name) for name in ("pictures", "summary"))


def _written(model: Predictor, guesses: list[Guess], folder: Path, place: Path) -> Iterator[Path]:
    """Write what fits no table: pictures of each input, and what is said of all together."""
    from PIL import Image

    task, found = model.task, [guess.found for guess in guesses if guess.found is not None]
    stems = Counter(PurePosixPath(one.name).with_suffix("") for one in found)
    for one in found if model.takes_images else ():
        for word, values in task.pictures(one, model.classes, model.fresh.whole(folder / one.name)).items():
            stem = PurePosixPath(one.name).with_suffix("")
            file = place / f"{stem if stems[stem] == 1 else one.name}.{word}.png"
            write_atomic(file, Image.fromarray(values).save)
            yield file
    for name, content in task.summary(found, model.classes).items():
        write_text(place / name, json.dumps(content))
        yield place / name


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
