"""Short ways to the decoded cache for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.cells.recipes import Recipe
from bench.data.decoded import decoded
from bench.data.formats.readers import Reader, input_reader
from bench.data.prepare import Prepared


def reader(prepared: Prepared, size: int, interpolation: str = "bilinear", **fields: Any) -> Reader:
    """The reader of square images; fields are the recipe's."""
    return input_reader(prepared, (3, size, size), Recipe(**fields), interpolation)


def cached(prepared: Prepared, size: int, interpolation: str = "bilinear", **fields: Any) -> np.ndarray:
    """All images of the table, decoded to a square of ``size`` pixels or kept at their native size."""
    return decoded(prepared, reader(prepared, size, interpolation, **fields), quiet=True)
