"""What stands in a list's column of classes and is none: several labels in a cell, or measured numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

_SEPARATORS = ";|,"
_KNOWN = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
_FEWEST = 15  # numbers that are needed to tell measurements from classes


def no_classes(labels: Sequence[str]) -> tuple[str, str]:
    """Why labels are not one class a sample, in words that say what was found, and what they are: number or several.

    Both are empty where nothing speaks against classes.

    Args:
        labels: One a line of the list, from its second line on.
    """
    if problem := _measured(labels):
        return problem, "number"
    return (problem, "several") if (problem := _several(labels)) else ("", "")


def labels_of(cells: Sequence[str]) -> list[set[str]]:
    """The labels that each cell names, separated by whatever most cells use; empty cells name none."""
    used = {mark: sum(mark in cell for cell in cells) for mark in _SEPARATORS}
    mark = max(_SEPARATORS, key=lambda one: used[one])
    return [_parts(cell, mark) for cell in cells]


def yes_or_no(cells: Sequence[str]) -> list[int | None]:
    """0 or 1 of each cell (0, 1, 0.0, true, no, ...); None of one that is neither."""
    return [_KNOWN.get(cell.strip().casefold()) for cell in cells]


def number(cell: str) -> float | None:
    """The finite number of a cell, whose decimal mark may be a comma; None of one that is none."""
    try:
        found = float(cell.strip().replace(",", "."))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _several(labels: Sequence[str]) -> str:
    """A cell that names several labels, one of which stands elsewhere by itself or with others."""
    for separator in _SEPARATORS:
        cells = {label: _parts(label, separator) for label in set(labels)}
        # commas belong to many a name, "dog, small": there a label must also stand alone
        others = [parts for parts in cells.values() if separator != "," or len(parts) == 1]
        seen = Counter(part for parts in others for part in parts)
        for line, label in enumerate(labels, start=2):
            own = 0 if separator == "," else 1
            if len(cells[label]) > 1 and any(seen[part] > own for part in cells[label]):
                return (
                    f"line {line} holds {label!r}, which looks like several labels separated by {separator!r}. Samples "
                    "have one class each: keep one label a line, or rename the class"
                )
    return ""


def _parts(label: str, separator: str) -> set[str]:
    return {part.strip() for part in label.split(separator) if part.strip()}


def _measured(labels: Sequence[str]) -> str:
    """Numbers nearly all of which differ, or with digits behind the point, are measurements."""
    try:
        numbers = [float(label.replace(",", ".")) for label in labels]
    except ValueError:
        return ""
    if not all(map(math.isfinite, numbers)):
        return ""
    fractions = [label for label, number in zip(labels, numbers, strict=True) if not number.is_integer()]
    distinct = len(set(numbers))
    if len(labels) < _FEWEST or distinct < 3 or not (fractions or 3 * distinct > len(labels)):
        return ""
    example = fractions[0] if fractions else labels[0]
    return (
        f"it holds {distinct} different numbers, as {example}: values to be predicted, not classes. Divide them into "
        "classes, such as low and high, in a column of their own"
    )
