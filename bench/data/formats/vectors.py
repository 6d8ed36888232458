"""Inputs that are features made elsewhere: vectors (d,), handed on as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import DataError, UsageError
from bench.data.augment.batches import Preprocess
from bench.data.base import rows_of
from bench.data.formats.readers import Reader

if TYPE_CHECKING:
    from bench.cells.recipes import Recipe
    from bench.data.prepare import Prepared

_FORMAT = 1  # raise when the meaning of an array changes


def vector_reader(prepared: Prepared, input_shape: tuple[int, ...]) -> Reader:
    """How a data set's feature vectors are read.

    Raises:
        UsageError: The samples are not vectors of the backbone's width.
        DataError: They are not floating-point numbers.
    """
    dataset = prepared.dataset
    first = dataset.read(next(iter(rows_of(dataset, prepared.table, prepared.root))))
    if first.shape != input_shape:
        name = dataset.plugin_name()
        raise UsageError(f"{name} gives inputs {first.shape}, and the backbone takes features {input_shape}.")
    if not np.issubdtype(first.dtype, np.floating):
        raise DataError(f"{dataset.plugin_name()}: features must be floating-point numbers, not {first.dtype}.")
    return Reader(input_shape, str(first.dtype), ["vector", _FORMAT, str(first.dtype)], dataset.read)


class PassOn(Preprocess):
    """The preprocessing of vectors: none; there is nothing to enlarge, augment or normalise.

    Raises:
        UsageError: The recipe augments.
    """

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        if recipe.augment is not None:
            raise UsageError("Features made elsewhere cannot be augmented: use a recipe with augment=none.")
        self.device = device

    def draws(self, data_seed: int, axes: tuple[int | str, ...], keys: np.ndarray) -> np.ndarray:
        """No chance is needed, (B, 0)."""
        return np.empty((len(keys), 0))

    def __call__(self, raw: Tensor, draws: np.ndarray | None = None) -> Tensor:
        """Cached vectors (B, d) as float32 on the device."""
        return raw.to(self.device, non_blocking=True).float()
