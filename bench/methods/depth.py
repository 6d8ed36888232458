"""Which part of a backbone a parameter stands in, read from its name."""

from __future__ import annotations

import re
from collections.abc import Iterable

# a plain transformer's blocks; a hierarchical network's stages, whose own blocks are not told apart
_PARTS = re.compile(r"\.(?:(?:blocks|layers|stages)\.|layer)(\d+)\.")


def part_of(name: str) -> int | None:
    """Number of the block or stage that a parameter of the model belongs to; None: of the head, a stem, a last norm.

    Args:
        name: Begins with ``backbone.`` or ``head.``.
    """
    found = _PARTS.search(name) if name.startswith("backbone.") else None
    return int(found[1]) if found else None


def groups_from_the_top(names: Iterable[str]) -> list[list[str]]:
    """Names by depth: head and last norms first, then blocks or stages from the last to the first, stems last."""
    names = list(names)
    parts = sorted({part for name in names if (part := part_of(name)) is not None}, reverse=True)
    loose = [name for name in names if part_of(name) is None]
    top = [name for name in loose if not name.startswith("backbone.") or "norm" in name.rpartition(".")[0]]
    found = [top, *([name for name in names if part_of(name) == part] for part in parts)]
    return [group for group in (*found, [name for name in loose if name not in top]) if group]
