"""Names as people compare them: equal but for blanks, capitals, the form of accents, or ``4`` and ``4.0``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from bench.data.formats.folders import printable

_EMPTY = frozenset({"", "nan", "na", "n/a", "none", "null"})
_WHOLE = re.compile(r"([+-]?\d+)\.0+")


def is_empty(text: str) -> bool:
    """Whether a cell of a list says that nothing is known: blank, NaN, NA, None..."""
    return text.strip().casefold() in _EMPTY


def as_people_read(name: str) -> str:
    """What is the same for all names that a person takes for one."""
    plain = " ".join(unicodedata.normalize("NFC", name).split()).casefold()
    whole = _WHOLE.fullmatch(plain)
    return whole[1] if whole else plain


def alike(names: Iterable[str]) -> str:
    """The first two different names that a person takes for one, and how they differ; empty where there are none."""
    known: dict[str, str] = {}
    for name in sorted(set(names)):
        other = known.setdefault(as_people_read(name), name)
        if other != name:
            return f"{other!a} and {name!a} differ only in {_how(other, name)}"
    return ""


def _how(one: str, other: str) -> str:
    ways = {
        "the form of their accents (composed and decomposed)": lambda name: unicodedata.normalize("NFC", name),
        "blanks": lambda name: "".join(name.split()),
        "capitals": str.casefold,
    }
    return next((way for way, plain in ways.items() if plain(one) == plain(other)), "how they are written")


def meant(place: Path, path: str) -> str:
    """The file below a folder that a path which is not there probably means, and why; empty where there is none.

    Returns:
        Such as ``img/0.png is there: write / instead of \\``.
    """
    slashed = path.replace("\\", "/")
    if slashed != path and (place / slashed).is_file():
        return f"{printable(slashed)} is there: write / instead of \\"
    folder, wanted = (place / slashed).parent, as_people_read(Path(slashed).name)
    beside = [file.name for file in folder.iterdir()] if folder.is_dir() else []
    for name in sorted(beside):
        if as_people_read(name) == wanted and name != Path(slashed).name:
            return f"{printable(name)!a} is there: the names differ only in {_how(name, Path(slashed).name)}"
        if Path(name).stem == Path(slashed).name:
            return f"{printable(name)} is there: write the ending too"
    return ""
