"""Images in a data set of Hugging Face's library `datasets`, from the hub or a folder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from bench.core import extras
from bench.core.errors import DataError, MissingData
from bench.data import Official, Sample
from bench.data.formats.images import decode_image, read_image
from bench.data.tables.own import BY_CHANCE, OwnImages, split_name


class HF(OwnImages):
    """Images in a data set of Hugging Face's library ``datasets`` (extra ``hf``): a folder, or one of the hub.

    ``path`` is a folder that ``save_to_disk`` wrote, below the data root or absolute; else a name of the hub, which is
    downloaded into that library's own cache, or read from there, and needs a ``revision``. ``protocol=split`` takes its
    splits as they are (``validation`` is val), ``holdout`` and ``resampled`` divide a single one.
    """

    title = "Hugging Face data set"
    task = "classification"
    libraries = ("datasets",)
    homepage = "https://huggingface.co/docs/datasets"
    licence = "that of the data set"
    own = False
    words = {"revision": ""}
    protocols = {
        **BY_CHANCE,
        "split": Official(),
        "split_without_val": Official(selection="last"),
    }

    revision: str = Field("", description="commit or tag of a data set of the hub")
    config: str = Field("", description="configuration of a data set of the hub that has several")
    image_column: str = Field("image", description="column with the image")
    label_column: str = Field("label", description="column with its class")
    id_column: str = Field("", description="column with unique names; else split and row number are the name")

    def location(self, root: Path) -> Path:
        return root / self.path

    def class_names(self, root: Path) -> tuple[str, ...]:
        return _names(self._parts(self.location(root)), self.label_column)

    def samples(self, root: Path) -> pd.DataFrame:
        parts = self._parts(self.location(root))
        self.check_splits({split_name(name) for name in parts})
        if self.protocol in BY_CHANCE and len(parts) > 1:
            raise DataError(f"hf: {self.path} holds the splits {', '.join(parts)}; use protocol=split.")
        numbers = {name: label for label, name in enumerate(_names(parts, self.label_column))}
        table = pd.DataFrame(
            {"id": name, "label": numbers.get(value, -1), "split": split_name(split)}
            for split, part in parts.items()
            for name, value in zip(self._ids(split, part), _texts(part, self.label_column), strict=True)
        )
        return table.assign(index=np.arange(len(table)))

    def read(self, sample: Sample) -> np.ndarray:
        row = sample.index
        for part in self._parts(sample.root).values():
            if row < len(part):
                break
            row -= len(part)
        stored = part[row][self.image_column]
        if stored["bytes"] is None:
            return read_image(Path(stored["path"]))
        return decode_image(stored["bytes"], f"{self.path}: {sample.id}")

    def _ids(self, split: str, part: Any) -> list[str]:
        if self.id_column:
            return [str(value) for value in _column(part, self.id_column)]
        return [f"{split}/{row}" for row in range(len(part))]

    def _parts(self, place: Path) -> dict[str, Any]:
        """Split name -> its rows, images undecoded.

        Raises:
            MissingData: ``path`` is not set, or nothing is there.
            UsageError: The library is not installed.
        """
        if not self.path:
            raise MissingData("hf: say which data set: hf[path=...], a folder or a name of the hub.")
        extras.check("datasets", f"hf[path={self.path}]")
        changed = place.stat().st_mtime_ns if place.is_dir() else 0
        parts = _loaded(str(place) if changed else "", changed, self.path, self.config, self.revision)
        return {name: _undecoded(part, self.image_column) for name, part in parts.items()}


@cache
def _loaded(place: str, changed: int, name: str, config: str, revision: str) -> dict[str, Any]:
    """The splits of a folder, or of a data set of the hub; a folder of one split gives ``train``."""
    import datasets

    if not place and not revision:
        raise MissingData(f"hf: no folder {name} below the data root. Of a data set of the hub, add revision=COMMIT.")
    try:
        found = (
            datasets.load_from_disk(place) if place else datasets.load_dataset(name, config or None, revision=revision)
        )
    except (OSError, ValueError) as error:  # a hub that cannot be reached, an unknown name, a folder of something else
        told = " ".join(str(error).split())[:300]
        raise MissingData(f"hf: cannot load {place or name}: {told}. Check path, config and revision.") from error
    return dict(found) if isinstance(found, Mapping) else {"train": found}


def _undecoded(part: Any, column: str) -> Any:
    """The rows with images as they are stored.

    Raises:
        DataError: The column is not there, or holds no images.
    """
    import datasets

    if not isinstance(_feature(part, column), datasets.Image):
        raise DataError(f"hf: the column {column!r} holds no images. Set image_column to one that does.")
    return part.cast_column(column, datasets.Image(decode=False))


def _feature(part: Any, column: str) -> Any:
    if column not in part.features:
        raise DataError(f"hf: there is no column {column!r}; the columns are {', '.join(part.features)}.")
    return part.features[column]


def _column(part: Any, column: str) -> list[Any]:
    _feature(part, column)
    return list(part[column])


def _texts(part: Any, column: str) -> list[str]:
    """The class of each row by name; "" of unlabelled ones."""
    names = getattr(_feature(part, column), "names", None)
    values = _column(part, column)
    if names:
        return [names[value] if value is not None and value >= 0 else "" for value in values]
    return ["" if value is None else str(value) for value in values]


def _names(parts: dict[str, Any], column: str) -> tuple[str, ...]:
    """Classes in label order: as the data set lists them, else the sorted values."""
    first = next(iter(parts.values()))
    if names := getattr(_feature(first, column), "names", None):
        return tuple(names)
    found = {text for part in parts.values() for text in _texts(part, column)} - {""}
    return tuple(sorted(found, key=int if all(text.isdigit() for text in found) else None))
