"""One place where whatever a library raises over one file becomes one line that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.core.errors import BenchError, DataError
from bench.data.formats.folders import printable

_LONGEST = 300  # characters of a library's message that are repeated


@contextmanager
def reading(kind: str, path: Path | None = None) -> Iterator[None]:
    """Turn any exception raised inside into a DataError: damaged files bring libraries to raise of every type.

    Args:
        kind: "image", "video"...
        path: The file; None for one that was given in memory.

    Raises:
        DataError: Reading failed; the message names the file.
    """
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        told = (error.strerror if isinstance(error, OSError) else None) or str(error)  # which does not repeat the path
        reason = " ".join(told.split())[:_LONGEST] or type(error).__name__
        if path is None:
            raise DataError(f"Cannot read the {kind} given: {reason}.") from error
        text = f"Cannot read the {kind} {path}: {reason}. Restore the file from the source, or replace it."
        raise DataError(printable(text)) from error
