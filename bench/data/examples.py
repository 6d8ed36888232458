"""Example images of a data set, where its licence allows to pass them on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bench.core.errors import BenchError, MissingData
from bench.data.base import Dataset, rows_of
from bench.plugins import registry
from bench.records import Record

FREE = re.compile(r"(CC0|CC BY(-SA)? \d|public domain|MIT\b|Apache)", re.IGNORECASE)
MOST, SIDE = 8, 96


def shareable(licence: str, flavours: Iterable[str] = ()) -> bool:
    """Whether a licence lets anyone pass images on.

    Args:
        flavours: Words that may have their own licence in brackets, as in ``CC BY 4.0 (dermamnist: CC BY-NC 4.0)``.
    """
    main, _, rest = licence.partition("(")
    exceptions = [part.partition(":") for part in rest.split(";") if ":" in part]
    own = {name.strip(): text.strip(" )") for name, _, text in exceptions}
    return all(FREE.match(own.get(flavour, main).strip()) is not None for flavour in [*flavours, main])


def examples(record: Record, root: Path, folder: Path) -> tuple[list[tuple[str, str]], str]:
    """Write small pictures of a record's data set: the first training samples of different classes.

    Returns:
        (file name, what it shows) for each, and why there are none.
    """
    try:
        dataset: Dataset = registry.load("datasets", record.dataset.name).build(
            record.dataset.name, record.dataset.params
        )
    except BenchError as error:
        return [], f"No example images: {error}"
    if not shareable(dataset.licence, [str(value) for value in record.dataset.params.values()]):
        return [], f"No example images: the licence ({dataset.licence or 'not stated'}) does not let them be passed on."
    try:
        return _written(dataset, root, folder), ""
    except MissingData:
        return [], "No example images: the data were not at hand when the report was made (--data)."
    except BenchError as error:
        return [], f"No example images: {error}"


def _written(dataset: Dataset, root: Path, folder: Path) -> list[tuple[str, str]]:
    from PIL import Image

    table = dataset.samples(root)
    found: list[tuple[str, str]] = []
    shown = table.drop_duplicates("label") if "label" in table else table
    shown = shown.head(MOST)
    names = dataset.class_names(root)
    folder.mkdir(parents=True, exist_ok=True)
    for sample, label in zip(rows_of(dataset, shown, root), _labels(shown), strict=True):
        pixels = picture(dataset.read(sample))
        if pixels is None:
            continue
        file = f"{type(dataset).plugin_name()}-{len(found)}.png"
        image = Image.fromarray(pixels)
        image.thumbnail((SIDE, SIDE))
        image.save(folder / file)
        what = names[label] if 0 <= label < len(names) else f"class {label}" if label >= 0 else sample.id
        found.append((file, what))
    return found


def _labels(table: object) -> list[int]:
    return [int(label) for label in table["label"]] if "label" in table else [-1] * len(table)  # type: ignore[operator,index,arg-type]


def picture(values: np.ndarray) -> np.ndarray | None:
    """An input as an image (H, W) or (H, W, 3) of bytes; a volume by its middle slice; None for deeper values."""
    if values.dtype == np.float16:
        values = (values.astype(np.float32).clip(0, 1) * 255).round().astype(np.uint8)
    if values.dtype != np.uint8:
        return None
    if values.ndim == 4 or (values.ndim == 3 and values.shape[-1] not in (1, 3)):
        values = values[len(values) // 2]
    return values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
