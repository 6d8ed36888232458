"""Images and their annotation files in one folder: which belong together, and which split they are in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from bench.core.errors import DataError
from bench.data.formats.folders import IMAGE_SUFFIXES, is_clutter, printable, walk

SPELLINGS = {"training": "train", "valid": "val", "validation": "val", "dev": "val", "testing": "test"}
_SPLITS = ("train", "val", "test")
IMAGES = frozenset({"images", "image", "imgs", "img", "jpegimages", "photos"})
_MASKS = frozenset({"masks", "mask", "labels", "label", "gt", "groundtruth", "ground_truth", "segmentationclass"})
_NOTES = frozenset({"annotations", "annotation", "xml", "xmls", *_MASKS})
MASK_ENDING = "_mask"  # of a mask's stem that lies beside its image


def split_name(text: str) -> str:
    """Usual spellings (training, valid, validation, dev, testing) to train, val, test; others stay as they are."""
    plain = text.strip().lower()
    return SPELLINGS.get(plain, plain)


def split_of(path: str) -> str:
    """The split that a file's folders or name tell, as ``labels/valid/3.txt`` and ``instances_val2017.json`` do."""
    words = re.split(r"[^a-z]+", path.lower())
    return next((split_name(word) for word in words if split_name(word) in _SPLITS), "")


def folder_split(path: str) -> str:
    """The split that one of a file's folders is named after, or nothing."""
    names = (split_name(part) for part in PurePosixPath(path).parts[:-1])
    return next((name for name in names if name in _SPLITS), "")


def key_of(path: str) -> str:
    """What an image and its annotation share: the path without the suffix and the folders that tell which is which."""
    place = PurePosixPath(path)
    folders = [part for part in place.parts[:-1] if part.lower() not in IMAGES | _NOTES]
    return "/".join([*folders, place.stem.removesuffix(MASK_ENDING)])


def is_image(path: str) -> bool:
    """Whether a path is that of an image."""
    return PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES and not is_clutter(PurePosixPath(path).name)


def is_mask(path: str) -> bool:
    """Whether a path is that of a mask: an image in a folder of masks, or one whose name says so."""
    place = PurePosixPath(path)
    inside = any(part.lower() in _MASKS for part in place.parts[:-1])
    return is_image(path) and (inside or place.stem.endswith(MASK_ENDING))


def paired(place: Path, is_note: Callable[[str], bool], kind: str) -> list[dict[str, Any]]:
    """Rows ``path``, ``target`` and ``split`` ("" where folders tell none) of images with an annotation file each.

    Args:
        is_note: Which paths below ``place`` are annotations; images are all other image files.
        kind: What they are called, for messages.

    Raises:
        DataError: An image has no annotation, an annotation no image, or two files share a name.
    """
    paths = list(walk(place))
    notes = by_key(place, (path for path in paths if is_note(path)))
    images = by_key(place, (path for path in paths if is_image(path) and not is_note(path)))
    check_partners(place, images, notes, f"have no {kind}", f"Add one to each, or remove them ({len(notes)} others do)")
    check_partners(place, notes, images, "belong to no image", "Restore the images, or remove them")
    return [{"path": images[key], "target": notes[key], "split": folder_split(images[key])} for key in sorted(images)]


def by_key(place: Path, paths: Iterable[str]) -> dict[str, str]:
    """Paths by `key_of`.

    Raises:
        DataError: Two have the same.
    """
    found: dict[str, str] = {}
    for path in paths:
        other = found.setdefault(key_of(path), path)
        if other != path:
            both = f"{printable(other)} and {printable(path)}"
            raise DataError(f"{both} in {printable(place)} have one name. Rename or remove one.")
    return found


def check_partners(
    place: Path, ours: Mapping[str, str], theirs: Mapping[str, str], problem: str, remedy: str
) -> None:  # fmt: skip
    """Raise DataError where files lack those that belong to them."""
    lonely = [path for key, path in sorted(ours.items()) if key not in theirs]
    if lonely:
        raise DataError(f"{len(lonely)} of {len(ours)} files in {printable(place)} {problem}, e.g. "
                        f"{printable(lonely[0])}. {remedy}.")  # fmt: skip
