"""Where data lie, and where what can be computed again is kept."""

from __future__ import annotations

import os
from pathlib import Path

from bench.core.errors import UsageError

CACHE_VARIABLE = "BENCH_CACHE"


def cache_root() -> Path:
    """Return the folder of everything that can be computed again: ``BENCH_CACHE``, else a per-user cache folder.

    Raises:
        UsageError: ``BENCH_CACHE`` names something that is no folder.
    """
    if given := os.environ.get(CACHE_VARIABLE):
        if Path(given).exists() and not Path(given).is_dir():
            raise UsageError(f"{CACHE_VARIABLE} names {given}, which is no folder. Name a folder, made when missing.")
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("adaptbench")


def data_root(given: Path | None = None) -> Path:
    """Return the data root: ``--data``, else ``BENCH_DATA``, else a per-user cache folder.

    Raises:
        UsageError: A folder was named but is not there.
    """
    named = given or (Path(os.environ["BENCH_DATA"]) if os.environ.get("BENCH_DATA") else None)
    if named is None:
        return cache_root() / "data"
    if not named.is_dir():
        raise UsageError(f"The data folder {named} is not there. Create it, or change --data / BENCH_DATA.")
    return named.resolve()
