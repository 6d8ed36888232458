"""Where in the code an error came from, in the words of whoever wrote that code."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable
from pathlib import Path

_STANDARD_LIBRARY = Path(os.__file__).resolve().parent
_PACKAGE = Path(__file__).resolve().parent.parent
INSTALLED = ("site-packages", "dist-packages")


def is_library(file: Path) -> bool:
    """Whether a file belongs to the standard library or to an installed package (not to an editable install)."""
    return file.is_relative_to(_STANDARD_LIBRARY) or any(part in INSTALLED for part in file.parts)


def place_of(error: BaseException, folders: Iterable[Path]) -> str:
    """``file:line`` of the frame to look at first: the last one that lies in a plug-in folder.

    An error in a plug-in often surfaces deep inside a library; without a plug-in's frame it is the last frame of this
    package or of other code outside installed packages, and only then simply the last.

    Args:
        folders: The plug-in folders; a file below one is named by its path from there.

    Returns:
        The place, or "" for an error that was never raised.
    """
    resolved = [folder.resolve() for folder in folders]
    frames = [(Path(f.filename).resolve(), f.lineno or 0) for f in traceback.extract_tb(error.__traceback__)]
    for file, line in reversed(frames):
        for folder in resolved:
            if file.is_relative_to(folder):
                return f"{file.relative_to(folder).as_posix()}:{line}"
    ours = [frame for frame in frames if frame[0].is_relative_to(_PACKAGE) or not is_library(frame[0])]
    return "".join(f"{file.name}:{line}" for file, line in (ours or frames)[-1:])


def trace_of(error: BaseException) -> str:
    """The whole traceback as text, causes included: it outlives the frames, which keep tensors alive."""
    return "".join(traceback.format_exception(error)).rstrip()
