"""Example images of a data set and its near duplicates, where its licence allows to pass them on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.atomic import DiskFull, write_atomic
from bench.core.errors import BenchError, DataError, MissingData
from bench.data.base import Dataset, Sample, rows_of
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
        return _written(_shared(record), root, folder), ""
    except DiskFull:
        raise  # the pages have no room either
    except MissingData:
        return [], "No example images: the data were not at hand when the report was made (--data)."
    except BenchError as error:
        return [], f"No example images: {error}"


def look_alikes(record: Record, root: Path, folder: Path, audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write the nearest pair of each set that an audit of a record's data set found to look alike, side by side.

    Returns:
        (file name, what it shows) for each; none where the licence does not let images be passed on, or the data are
        not at hand.
    """
    try:
        return pairs_of(_shared(record), root, folder, audit)
    except DiskFull:
        raise
    except BenchError:  # told beside the example images
        return []


def pairs_of(dataset: Dataset, root: Path, folder: Path, audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`look_alikes` of a data set that may be shown.

    Raises:
        DataError: The data are not there, or one of a pair cannot be read.
    """
    samples = {sample.id: sample for sample in rows_of(dataset, dataset.samples(root), root)}
    nearest = [one.get("links", [one])[0] for one in audit.get("near_duplicates", ())]  # version 0.1 listed pairs
    pairs = [one for one in nearest if set(one["samples"]) <= samples.keys()][:MOST]
    return [_side_by_side(dataset, samples, one, folder, number) for number, one in enumerate(pairs)]


def _side_by_side(
    dataset: Dataset, samples: Mapping[str, Sample], pair: Mapping[str, Any], folder: Path, number: int
) -> tuple[str, str]:
    from PIL import Image

    both = Image.new("RGB", (2 * SIDE, SIDE))
    for place, name in enumerate(pair["samples"]):
        pixels = picture(dataset.read(samples[name]))
        if pixels is not None:
            both.paste(Image.fromarray(pixels).convert("RGB").resize((SIDE, SIDE)), (place * SIDE, 0))
    file = f"{type(dataset).plugin_name()}-near-{number}.png"
    write_atomic(folder / file, both.save)
    return file, f"{' and '.join(pair['samples'])}: {pair['distance']} bits apart"


def _shared(record: Record) -> Dataset:
    """A record's data set.

    Raises:
        BenchError: It is not here, or its licence does not let images be passed on.
    """
    cls = registry.load("datasets", record.dataset.name)
    dataset: Dataset = cls.build(record.dataset.name, record.dataset.params)
    if not dataset.own and not shareable(dataset.licence, [str(value) for value in record.dataset.params.values()]):
        raise DataError(f"the licence ({dataset.licence or 'not stated'}) does not let them be passed on.")
    return dataset


def _written(dataset: Dataset, root: Path, folder: Path) -> list[tuple[str, str]]:
    from PIL import Image

    table = dataset.samples(root)
    found: list[tuple[str, str]] = []
    shown = table.drop_duplicates("label") if "label" in table else table
    shown = shown.head(MOST)
    names = dataset.class_names(root)
    for sample, label in zip(rows_of(dataset, shown, root), _labels(shown), strict=True):
        pixels = picture(dataset.read(sample))
        if pixels is None:
            continue
        file = f"{type(dataset).plugin_name()}-{len(found)}.png"
        image = Image.fromarray(pixels)
        image.thumbnail((SIDE, SIDE))
        write_atomic(folder / file, image.save)
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
