"""What ends one cell while the others go on: lack of memory, or an unexpected exception with its place."""

from __future__ import annotations

import logging

import torch

from bench.core import ranks
from bench.core.errors import BenchError
from bench.core.places import place_of
from bench.plugins.folders import plugin_folders

log = logging.getLogger(__name__)


class OutOfMemory(BenchError):
    """Neither smaller groups nor smaller micro-batches made the cell fit."""

    kind = "out_of_memory"


class CellError(BenchError):
    """An unexpected error inside one cell; the suite goes on, and the record says what and where."""

    kind = "error"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on a device or on the host."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def typed(error: Exception) -> BenchError:
    """The error of a cell: as it is, as lack of memory, or as an unexpected exception with its place.

    The whole traceback goes to the log, at the level DEBUG.

    Raises:
        Exception: The unexpected one itself, where several ranks share the cell: the others wait for this one.
    """
    log.debug("a cell failed", exc_info=error)
    if ranks.several() and not isinstance(error, BenchError):
        raise error
    if isinstance(error, BenchError):
        return error.with_traceback(None)  # its frames would keep the learners, and their memory, alive
    if is_out_of_memory(error):
        return OutOfMemory("Out of memory outside of a training step. Use a smaller size or another device.")
    return CellError(f"{type(error).__name__}: {error} ({place_of(error, plugin_folders())})")
