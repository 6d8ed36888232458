"""Small images and files for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.data.tables.domains import DomainFolders


def pixels(seed: int, height: int = 10, width: int = 12, channels: int = 3) -> np.ndarray:
    """Random uint8 (height, width, channels)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def picture(path: Path, seed: int, height: int = 10, width: int = 12, mode: str = "RGB", **options: Any) -> Path:
    """Write a random image; its bytes depend on the seed alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed, height, width)).convert(mode).save(path, **options)
    return path


def class_folders(root: Path, classes: int = 2, each: int = 5, offset: int = 0, **options: Any) -> Path:
    """``root/c0/0.png`` and so on, every image different."""
    for label in range(classes):
        for number in range(each):
            picture(root / f"c{label}" / f"{number}.png", offset * 1000 + 1000 * label + number, **options)
    return root


def domain_folders(root: Path, kind: type[DomainFolders], classes: int, each: int) -> None:
    """A small copy of a set with a folder a domain, in its own naming; every image different."""
    for number, domain in enumerate(kind.domains):
        class_folders(root / kind.folder / domain, classes, each, offset=number * classes * each)


def vtab_lists(place: Path, classes: int) -> None:
    """One set of VTAB-1k as NOAH ships it: an image a class and list."""
    lines: dict[str, list[str]] = {}
    for seed, (part, label) in enumerate((p, c) for p in ("train800", "val200", "test") for c in range(classes)):
        path = f"images/{part}/{label:06d}.jpg"
        picture(place / path, seed)
        lines.setdefault(part, []).append(f"{path} {label}")
    lines["train800val200"] = lines["train800"] + lines["val200"]
    for part, listed in lines.items():
        (place / f"{part}.txt").write_text("\n".join(listed) + "\n")


def saved_hf(folder: Path, saved: Path, parts: tuple[str, ...] = ()) -> None:
    """Class folders as Hugging Face's library saves them to disk, with file names; a split each of ``parts``."""
    import datasets

    files = sorted(file for file in folder.glob("*/*"))
    names = sorted({file.parent.name for file in files})
    columns: dict[str, Any] = {
        "image": [{"bytes": file.read_bytes(), "path": None} for file in files],
        "label": [names.index(file.parent.name) for file in files],
        "file": [str(file.relative_to(folder)) for file in files],
    }
    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=names), "file": datasets.Value("string")}
    whole = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
    made = (
        datasets.DatasetDict({part: whole.shard(len(parts), n, contiguous=False) for n, part in enumerate(parts)})
        if parts
        else whole
    )
    made.save_to_disk(saved)


def stubs(root: Path, paths: Iterable[str]) -> None:
    """Files whose bytes differ but are no images: enough where nothing is decoded."""
    made: set[Path] = set()
    for path in paths:
        file = root / path
        if file.parent not in made:
            file.parent.mkdir(parents=True, exist_ok=True)
            made.add(file.parent)
        file.write_bytes(path.encode())
