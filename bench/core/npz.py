"""Archives of arrays from outside: whatever is wrong with one is one error that names the file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import BenchError


class Damaged(BenchError):
    """An npz file is missing, cut short or altered, or holds Python objects, which are never loaded."""


def read_npz(file: Path, keys: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name.

    Args:
        keys: Only these; None: all.

    Raises:
        Damaged: The file cannot be read, or lacks one of ``keys``.
    """
    with _opened(file) as archive:
        return {name: archive[name] for name in (archive.files if keys is None else keys)}


def npz_names(file: Path) -> list[str]:
    """The names of an npz file's arrays, which are not read; errors are those of `read_npz`."""
    with _opened(file) as archive:
        return list(archive.files)


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    if not os.path.isfile(file):  # a pipe would be waited for
        raise Damaged(f"{file} is not there" if not os.path.lexists(file) else f"{file} is no file")
    try:
        with np.load(file, allow_pickle=False) as archive:
            yield archive
    except Exception as error:  # of damaged bytes numpy, zipfile and zlib raise nearly anything
        raise Damaged(f"{file} cannot be read ({type(error).__name__}: {error})") from error
