"""Reading samples that are rows of an array in an npz file."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from bench.core.errors import DataError
from bench.core.npz import Damaged, read_npz

_lock = threading.Lock()
_loaded: dict[tuple[str, int, str], np.ndarray] = {}


def npz_array(file: Path, key: str) -> np.ndarray:
    """Return one array of an npz file.

    Only the two arrays asked for last are kept in memory: the largest published files hold several GB, and threads that
    decode in order may be on both sides of a split's end.

    Raises:
        DataError: The file cannot be read or lacks the array; the message names it.
    """
    try:
        name = (str(file), file.stat().st_mtime_ns, key)
        with _lock:  # decoding threads ask for the same array at once
            if name not in _loaded:
                while len(_loaded) > 1:
                    del _loaded[next(iter(_loaded))]
                _loaded[name] = read_npz(file, [key])[key]
            return _loaded[name]
    except (OSError, Damaged) as error:
        raise DataError(f"Cannot read {key} from {file}: {error}. Replace the file.") from error
