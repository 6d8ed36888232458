"""New inputs, read and resized as those that a model was trained on: files, Pillow's images and arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from bench.core.errors import DataError, UsageError
from bench.data.base import Dataset, Sample
from bench.data.formats import resampling
from bench.data.formats.annotations import spatial
from bench.data.formats.extents import in_one_form, is_image
from bench.data.formats.folders import IMAGE_SUFFIXES, is_clutter, printable, walk
from bench.data.formats.images import from_pil, read_image
from bench.data.formats.readers import kept_extent, sized_image, sized_volume
from bench.data.formats.reading import reading

if TYPE_CHECKING:
    from bench.cells.recipes import Recipe

ARRAY = ".npy"


@dataclass(frozen=True)
class Fresh:
    """How a new input becomes an array as those that were cached for training.

    Attributes:
        dataset: The training data's adapter, which decodes files where its own samples are files.
        by_adapter: Whether it does; else files are plain images.
        cached: Shape of one training input as cached, (H, W, 3), (D, H, W[, 3]) or (d,): a new input of this shape
            stays as it is, others are resized.
        wanted: The backbone's (3, H, W), (3, D, H, W) or (d,).
        interpolation: "bilinear" or "bicubic", of images.
    """

    dataset: Dataset
    by_adapter: bool
    cached: tuple[int, ...]
    wanted: tuple[int, ...]
    recipe: Recipe
    interpolation: str

    def __call__(self, given: Any) -> np.ndarray:
        """One input as a training input was cached; ``given`` is what `whole` takes."""
        return self.sized(self.whole(given))

    def whole(self, given: Any) -> np.ndarray:
        """One input at its own size: a path, a Pillow image, or an array.

        Arrays are images (H, W, 3) or (H, W), volumes (D, H, W[, C]) on the grid of the training volumes, or vectors
        (d,). Values other than bytes need the data set's intensity rule, as in training.

        Raises:
            DataError: It cannot be read, or is of another kind than the training inputs; the message names it.
            UsageError: It is none of these.
        """
        name = printable(given) if isinstance(given, str | Path) else f"the {type(given).__name__} given"
        values = self._values(given)
        if len(self.cached) == 1:
            return self._vector(values, name)
        formed = in_one_form(self.dataset, name, values)
        if is_image(formed.shape) != is_image(self.cached) or formed.ndim != len(self.cached):
            raise DataError(f"{name} has the shape {formed.shape}; the model was trained on {self.cached}.")
        return formed

    def sized(self, formed: np.ndarray) -> np.ndarray:
        """What `whole` gave, as a training input was cached."""
        if formed.shape == self.cached:
            return formed
        if is_image(self.cached):
            height, width = kept_extent(self.wanted, self.recipe)
            return sized_image(formed, (height, width), self.recipe, self.interpolation)
        return sized_volume(formed, self.wanted[1:], self.recipe)

    def shown(self, formed: np.ndarray) -> tuple[tuple[float, float], ...]:
        """(start, length) along each axis of the part of an input that a model sees; all of a vector."""
        if len(self.cached) == 1:
            return ((0.0, float(len(formed))),)
        return tuple(resampling.boxes(spatial(formed.shape), self.wanted[1:], self.recipe.resize))

    def _values(self, given: Any) -> np.ndarray:
        if isinstance(given, np.ndarray):
            return given
        if isinstance(given, Image.Image):
            with reading("image"):
                return from_pil(given)
        if isinstance(given, str | Path):
            return self._file(Path(given))
        raise UsageError(f"Cannot read a {type(given).__name__}. Give a path, a Pillow image or a NumPy array.")

    def _file(self, path: Path) -> np.ndarray:
        if path.suffix.lower() == ARRAY:
            return read_array(path)
        if not path.exists():
            raise DataError(f"There is no file {printable(path)}.")
        if self.by_adapter:
            return self.dataset.read(Sample(printable(path), path, -1, path.parent))
        return read_image(path)

    def _vector(self, values: np.ndarray, name: str) -> np.ndarray:
        if values.shape != self.cached or not np.isfinite(values).all():
            raise DataError(f"{name} is no vector of {self.cached[0]} finite numbers, which the model takes.")
        return values.astype(np.float32)


def read_array(path: Path) -> np.ndarray:
    """The array of an npy file.

    Raises:
        DataError: The file is missing, damaged, or holds Python objects.
    """
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"Cannot read {printable(path)}: {error}.") from error
    if not isinstance(found, np.ndarray):
        raise DataError(f"{printable(path)} holds several arrays. Save each as an npy file of its own.")
    return found


def inputs_in(place: Path, images: bool) -> tuple[list[Path], list[Path]]:
    """What a file or folder holds to predict on, sorted, and the files that are something else.

    Args:
        images: Images are wanted, by their suffix; else every file but clutter, and of DICOM series their folder.

    Raises:
        DataError: A folder cannot be listed.
        UsageError: There is nothing to predict on.
    """
    if not place.exists():
        raise UsageError(f"There is nothing at {printable(place)}. Name a folder of new inputs, or a file.")
    if place.is_file():
        return [place], []
    files = [place / name for name in walk(place) if not is_clutter(Path(name).name)]
    suffixes = (*IMAGE_SUFFIXES, ARRAY)
    chosen = [file for file in files if file.suffix.lower() in suffixes] if images else list(_volumes(files))
    if not chosen:
        raise UsageError(f"{printable(place)} holds no {'images' if images else 'volumes'}.")
    return chosen, [file for file in files if images and file not in set(chosen)]


def _volumes(files: list[Path]) -> Iterator[Path]:
    """Files as they are, but the folder of a DICOM series once."""
    series = {file.parent for file in files if file.suffix.lower() == ".dcm"}
    yield from sorted({file.parent if file.parent in series else file for file in files})
