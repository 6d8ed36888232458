"""The image that annotations were written for: its size, and whether they lie on its stored or on its turned pixels."""

from __future__ import annotations

from pathlib import Path

from bench.core.errors import DataError
from bench.data.formats.folders import IMAGE_SUFFIXES, printable
from bench.data.formats.images import stored
from bench.data.formats.orientation import SIDEWAYS, UPRIGHT

Size = tuple[int, int]


def written_for(said: Size | None, photograph: Path, name: str) -> tuple[Size, int]:
    """Find out on which pixels annotations lie.

    Args:
        said: Height and width that they state; None where they state none.
        photograph: The image's file.
        name: Of the annotations' file, for messages.

    Returns:
        Height and width of the image that they lie on, and the EXIF orientation by which it is yet to be turned.

    Raises:
        DataError: The image is of another size, or turned by EXIF so that nobody can tell whether they are.
    """
    found, orientation = stored(photograph)
    seen = found[::-1] if orientation in SIDEWAYS else found
    if said not in (None, found, seen):
        raise DataError(
            f"{name} was written for an image of {said}, but {photograph.name} has {seen} (height, width). "
            "Restore the image, or correct the annotations."
        )
    if orientation == UPRIGHT:
        return found, UPRIGHT
    if said is None or found == seen:
        raise DataError(
            f"{photograph.name} is turned by its EXIF orientation {orientation}, and {name} does not say whether its "
            "annotations are. Save the image upright, without EXIF."
        )
    return (found, orientation) if said == found else (seen, UPRIGHT)


def check_turned(photograph: Path, target: Path | None) -> None:
    """Check that a label map of the size of its photograph lies on it as it is seen upright.

    Where the photograph is turned by EXIF, the size tells, unless it is the same before and after; and a map whose own
    file is turned alike follows it.

    Raises:
        DataError: Nobody can tell.
    """
    (height, width), orientation = stored(photograph)
    if orientation == UPRIGHT or (orientation in SIDEWAYS and height != width):
        return
    if target is None or target.suffix.lower() not in IMAGE_SUFFIXES or stored(target)[1] != orientation:
        raise DataError(
            f"{printable(photograph)} is turned by its EXIF orientation {orientation}, and nobody can tell whether its "
            "label map is. Save the image upright, without EXIF."
        )


def exchanged(found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """What most often makes a map's sides those of its image, exchanged; else nothing."""
    if found != wanted[::-1] or found == wanted:
        return ""
    return " The sides are exchanged: if EXIF turns the image, save it upright, without EXIF."
