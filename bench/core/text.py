"""Plain text for the terminal and for notebooks, without any library, so that listing answers at once."""

from __future__ import annotations

import html
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from bench.core.visible import visible, visible_lines


def columns(rows: Iterable[Sequence[str]], indent: int = 2) -> str:
    """Align rows; on a terminal the last column is cut at its width."""
    rows = [list(map(visible, row)) for row in rows]
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [
        " " * indent + "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return "\n".join(line if not room or len(line) <= room else line[: room - 3] + "..." for line in lines)


def wrapped(label: str, text: str, width: int = 100) -> str:
    """``label  text`` with the text wrapped and indented."""
    import textwrap

    lines = textwrap.wrap(text, width) or [""]
    return "\n".join(f"  {label if i == 0 else '':<12} {line}" for i, line in enumerate(lines))


def as_json(value: Any) -> str:
    """JSON for scripts."""
    return visible_lines(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def counted(number: int, noun: str) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """``45 s``, ``12 min`` or ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def preformatted(text: str) -> str:
    """Text as HTML that keeps its lines and columns, for notebooks."""
    return f"<pre>{html.escape(text)}</pre>"
