"""A folder of images with COCO's JSON files: which files there are, and which images and splits they list."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

from bench.core.errors import DataError
from bench.data.formats.annotated import is_image, split_of
from bench.data.formats.coco import read_coco
from bench.data.formats.folders import printable, walk


def coco_files(place: Path) -> list[str]:
    """The JSON files below a folder, sorted.

    Raises:
        DataError: There is none.
    """
    files = [path for path in walk(place) if path.lower().endswith(".json")]
    if not files:
        raise DataError(f"{printable(place)} holds no JSON file with annotations in COCO's form. Put it there.")
    return files


def coco_rows(place: Path) -> list[dict[str, Any]]:
    """Rows ``path``, ``target`` and ``split`` of the images that the JSON files below a folder list.

    An image is looked for beside its file, and else anywhere below the folder by its name.

    Raises:
        DataError: An image is not there, several have its name, or two files list it.
    """
    named: dict[str, list[str]] = defaultdict(list)
    for path in walk(place):
        if is_image(path):
            named[PurePosixPath(path).name].append(path)
    rows: dict[str, dict[str, Any]] = {}
    for file in coco_files(place):
        for name in read_coco(place / file).images:
            path = _image(place, file, name, named)
            if path in rows:
                raise DataError(f"{printable(path)} stands in {rows[path]['target']} and {file}. Remove it from one.")
            rows[path] = {"path": path, "target": file, "split": split_of(file)}
    return list(rows.values())


def _image(place: Path, file: str, name: str, named: dict[str, list[str]]) -> str:
    beside = str(PurePosixPath(file).parent / name)
    found = named[PurePosixPath(name).name]
    if beside in found:
        return beside
    if len(found) != 1:
        how = "several images" if found else "no image"
        raise DataError(f"{printable(place / file)} lists {name}, and {how} of this name lie in {printable(place)}.")
    return found[0]
