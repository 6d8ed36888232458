"""`bench.errors`: what a row of a table got wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bench.api.places import Place, Results, opened, path
from bench.cells.notation import Spec
from bench.core.atomic import write_atomic
from bench.core.errors import BenchError, UsageError
from bench.data.formats import resampling
from bench.plugins import recipe_files
from bench.records import Record, Store
from bench.tables.errors import Errors
from bench.tables.errors import errors as found_errors
from bench.tables.inspected import Inspected, inspected, outputs_of
from bench.tables.metrics import task_of
from bench.tables.versus import one_row
from bench.tasks.found import Found

if TYPE_CHECKING:
    from bench.data.base import Dataset


def errors(
    cell: str,
    *,
    results: Results = "runs",
    split: str = "test",
    shown: int = 10,
    data: Place | None = None,
    files: Place | None = None,
    sheet: Place | None = None,
    plugins: Iterable[Place] = (),
) -> Errors | Inspected:
    """What a row's runs got wrong, in all and item by item; prints as text.

    Args:
        cell: A filter that names one row, as for `bench.compare`.
        results: Folder of the records.
        split: ``test``, ``val`` or ``external``.
        shown: Items and confusions that the text lists; the object has all.
        data: The data root, which tells the files' folder.
        files: A folder for pictures of the items that the text lists, truth and prediction side by side.
        sheet: A PNG of the wrong images that the text lists, with what each is and was taken for.
        plugins: Further folders of plug-ins.

    Raises:
        UsageError: The filter names none or several rows, or their task does not say what is wrong, or has no pictures.
        MissingData: Pictures are asked for, and the data are not here.
        CorruptRecord: Predictions are missing or altered.
    """
    with opened(results, plugins) as store:
        records = list(store.readable())
        key, runs = one_row(records, cell)
        if task_of(key.task).single_label:
            if files is not None:
                raise UsageError(f"Errors of {key.task} have no pictures to write. Leave --files out.")
            found = found_errors(store, records, cell, split)
            ids = [one.id for one in found.mistakes]
            found = replace(found, shown=shown, folder=folder_of(runs[0], ids, path(data)))
            if sheet is not None:
                _sheet(found, runs[0], path(data), Path(sheet))
            return found
        if sheet is not None:
            raise UsageError(
                f"Errors of {key.task} are drawn one by one. Leave --sheet out, and name a folder by --files."
            )
        told = inspected(store, records, cell, split)
        place = folder_of(runs[0], [one.id for one in told.worst], path(data))
        told = replace(told, shown=shown, folder=place)
        return told if files is None else replace(told, written=tuple(_pictures(store, told, path(data), Path(files))))


def _sheet(found: Errors, record: Record, data: Path | None, file: Path) -> None:
    """Write the surest mistakes as one picture."""
    from bench.data.audit.contact_sheet import contact_sheet
    from bench.data.roots import data_root

    if not found.mistakes:
        raise UsageError("Nothing is wrong, so there is no sheet to draw. Leave --sheet out.")
    told = {
        one.id: (
            f"is {one.true}",
            f"taken for {one.predicted}",
            f"{one.confidence:.0%}, wrong in {one.wrong} of {one.runs}",
        )
        for one in found.mistakes[: found.shown]
    }
    contact_sheet(_dataset_of(record), data_root(data), told, file)


def _pictures(store: Store, told: Inspected, data: Path | None, place: Path) -> Iterator[Path]:
    """Write pictures of the worst items, numbered in their order."""
    from PIL import Image

    from bench.data.audit.examples import picture
    from bench.data.base import rows_of
    from bench.data.formats.extents import in_one_form
    from bench.data.roots import data_root

    task, root, runs = task_of(told.key.task)(), data_root(data), [store.pair(cell) for cell in told.cells]
    dataset, recipe = _dataset_of(runs[0][0]), recipe_files.resolve(Spec.parse(told.key.recipe))
    table = dataset.samples(root).set_index("id", drop=False)
    for number, worst in enumerate(told.worst[: told.shown], 1):
        (sample,) = rows_of(dataset, table.loc[[worst.id]], root)
        whole = in_one_form(dataset, sample.id, dataset.read(sample))
        targets, outputs = outputs_of(runs[worst.run], told.split)
        shown = resampling.boxes(whole.shape[:2], task.shape_of(targets), recipe.resize)
        found = Found(worst.id, {name: x[worst.row] for name, x in outputs.items()}, whole.shape[:2], tuple(shown))
        seen = picture(whole)
        drawn = None if seen is None else task.compared(targets[worst.row], found, told.names, seen)
        if drawn is None:
            raise UsageError(f"Errors of {told.key.task} have no pictures to write. Leave --files out.")
        file = place / f"{number:03d}_{PurePosixPath(worst.id).stem}.png"
        write_atomic(file, Image.fromarray(drawn).save)
        yield file


def folder_of(record: Record, ids: list[str], data: Path | None) -> Path | None:
    """Where the items' files lie; None where they are no files, or not here."""
    from bench.data.roots import data_root

    try:
        dataset = _dataset_of(record)
    except BenchError:  # a plug-in that is not here: its results can be read all the same
        return None
    place = dataset.location(data_root(data))
    return place if ids and (place / ids[0]).is_file() else None


def _dataset_of(record: Record) -> Dataset:
    from bench.plugins import registry

    dataset: Dataset = registry.load("datasets", record.dataset.name).build(record.dataset.name, record.dataset.params)
    return dataset
