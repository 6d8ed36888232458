"""Which weights lie here; reads file names only, so that listing stays fast."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"


def local_weights(folder: Path | None) -> dict[str, Path]:
    """Name -> file, of the embedded backbone and a weights folder (which wins)."""
    files = [*sorted(ASSETS.glob("*.safetensors")), *(sorted(folder.glob("*.safetensors")) if folder else [])]
    return {file.name.removesuffix(".safetensors"): file for file in files}
