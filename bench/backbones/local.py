"""Which weights lie here; reads names and file headers only, so that listing stays fast and imports no torch."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

from bench.core.errors import UsageError

ASSETS = Path(__file__).resolve().parent.parent / "assets"


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
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if length < path.stat().st_size else None
        except (ValueError, RecursionError):
            header = None
    facts = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(facts, dict):
        raise UsageError(f"{path} is not a safetensors file. Replace it.")
    return facts


def file_digest(path: Path) -> str:
    """``sha256:`` and the hexadecimal digest of a file's bytes; read once a process unless the file changes."""
    stat = path.stat()
    return "sha256:" + sha256_of(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def sha256_of(path: str, size: int, mtime_ns: int) -> str:
    """Digest of a file's bytes, once per version of it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
