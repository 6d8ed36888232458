"""Which weights lie here; reads names and file headers only, so that listing stays fast and imports no torch."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

from bench.core.errors import UsageError
from bench.core.shipped import ASSETS


def weights_folder(given: Path | None = None) -> Path | None:
    """``--weights``, else ``BENCH_WEIGHTS``, else None.

    Raises:
        UsageError: A folder was named but is not there.
    """
    named = given or (Path(os.environ["BENCH_WEIGHTS"]) if os.environ.get("BENCH_WEIGHTS") else None)
    if named is not None and not named.is_dir():
        raise UsageError(f"The weights folder {named} is not there. Create it, or change --weights / BENCH_WEIGHTS.")
    return named


def local_weights(folder: Path | None) -> dict[str, Path]:
    """Name -> file, of the embedded backbones and a weights folder (which wins)."""
    folders = [ASSETS, *([folder] if folder else [])]
    files = (file for place in folders for file in sorted(place.glob("*.safetensors")) if file.is_file())
    return {file.name.removesuffix(".safetensors"): file for file in files}


def metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file: its header is a length (8 bytes, little-endian) and that much JSON.

    Raises:
        UsageError: The file is not safetensors.
    """
    facts = _metadata(path, *_version(path))
    if facts is None:
        raise UsageError(f"{path} is not a safetensors file. Replace it.")
    return dict(facts)


def readable(folder: Path | None) -> dict[str, dict[str, str]]:
    """Name -> metadata of the files that lie here; one that is no safetensors is left to the `timm2d` family to report.

    Families ask this for every name, so that one broken file must not keep the others from working.
    """
    found = {name: _metadata(path, *_version(path)) for name, path in local_weights(folder).items()}
    return {name: dict(facts) for name, facts in found.items() if facts is not None}


def file_digest(path: Path) -> str:
    """``sha256:`` and the hexadecimal digest of a file's bytes; read once a process unless the file changes."""
    return "sha256:" + _sha256(path, *_version(path))


def _version(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=1024)
def _metadata(path: Path, size: int, mtime_ns: int) -> dict[str, str] | None:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if length < size else None
        except (ValueError, RecursionError):
            header = None
    facts = header.get("__metadata__", {}) if isinstance(header, dict) else None
    return facts if isinstance(facts, dict) else None


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
