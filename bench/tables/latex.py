"""A table as papers have it: caption, label, short names, the best row in bold, warnings as letters with notes."""

from __future__ import annotations

import re
from string import ascii_lowercase
from typing import TYPE_CHECKING

from bench.core.visible import visible
from bench.tables.sheet import right_aligned, sheet

if TYPE_CHECKING:
    from bench.tables.table import Table

SPECIAL = {
    **{char: "\\" + char for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",  # \textquotedbl needs another font encoding than the usual one
    "·": r"$\cdot$",
    "–": "--",
}

# Opens a box that keeps its size where it is narrow enough.
SHRUNK = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def latex(table: Table) -> str:
    """A floating table that needs the packages booktabs and graphicx; a wide one shrinks to the width of its lines."""
    told = sheet(table)
    marked, method = told.head.index("warnings"), told.head.index("method")
    letters = _letters([warning for row in table.rows for warning in row.warnings.items()])
    kept = [i for i in range(len(told.head)) if i != marked]
    lines = []
    for number, (row, line) in enumerate(zip(table.rows, told.body, strict=True)):
        cells = {i: _cell(line[i], (number, i) in told.strong) for i in kept}
        cells[method] += _superscript([letters[warning] for warning in row.warnings.items()])
        lines.append(" & ".join(cells[i] for i in kept) + r" \\")
    columns = "".join("r" if right_aligned(told.head[i]) else "l" for i in kept)
    head = " & ".join(escaped(told.head[i]) for i in kept) + r" \\"
    notes = [f"{_superscript([letter])} {escaped(f'{word}: {text}')}" for (word, text), letter in letters.items()]
    notes += [escaped(note) for note in (*table.notes, *table.always)]
    return "\n".join([
        r"\begin{table}", r"\centering", rf"\caption{{{escaped(_caption(told.caption))}}}",
        rf"\label{{tab:{_label(told.caption)}}}", SHRUNK, rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head,
        r"\midrule", *lines, r"\bottomrule", r"\end{tabular}}",
        *([r"\par\smallskip\raggedright\footnotesize", *(f"{note}\\par" for note in notes)] if notes else []),
        r"\end{table}",
    ])  # fmt: skip


def escaped(text: str) -> str:
    """Text as LaTeX sets it."""
    return "".join(SPECIAL.get(char, char) for char in visible(text))


def _cell(text: str, strong: bool) -> str:
    """A method as ``cladapter (k=10)``, an interval in small type behind its number."""
    short = re.sub(r"^([^ \[]+)\[(.*)\]$", r"\1 (\2)", text)
    value, space, interval = short.partition(" [")
    value = rf"\textbf{{{escaped(value)}}}" if strong and value else escaped(value)
    return value + (rf" {{\scriptsize [{escaped(interval)}}}" if space else "")


def _letters(warnings: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Warning and meaning -> a, b, ... z, aa, ab, ..."""
    distinct, n = list(dict.fromkeys(warnings)), len(ascii_lowercase)
    return {m: (ascii_lowercase[i // n - 1] if i >= n else "") + ascii_lowercase[i % n] for i, m in enumerate(distinct)}


def _superscript(letters: list[str]) -> str:
    return f"$^{{{','.join(letters)}}}$" if letters else ""


def _caption(constants: str) -> str:
    return f"Results ({constants})." if constants else "Results."


def _label(constants: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\w+: ", "", constants).lower())
    return words.strip("-")[:60].strip("-") or "results"
