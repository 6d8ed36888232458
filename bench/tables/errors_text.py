"""What a row's runs got wrong, as text, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.core.errors import UsageError, nearest
from bench.core.text import as_json

if TYPE_CHECKING:
    from bench.tables.errors import Errors, Mistake

WIDEST = 20  # classes up to which the whole matrix is shown; beyond, the most frequent confusions
STYLES = {"text": "plain", "md": "github", "latex": "latex_booktabs"}
NUMBER = re.compile(r"[-.]|[\d.,]+|\d+ of \d+")  # what is aligned to the right
FORMATS = (*STYLES, "csv", "json")
Section = tuple[str, list[str], list[list[str]]]  # title, head, rows


def render(found: Errors, format: str = "text") -> str:
    """The errors in a format; CSV and JSON have all items.

    Raises:
        UsageError: There is no such format.
    """
    if format not in FORMATS:
        raise UsageError(f"No format {format!r}. {nearest(format, FORMATS)}")
    if format == "json":
        plain = {**asdict(found), "confusion": found.confusion.tolist()}
        del plain["shown"]
        return as_json(plain)
    if format == "csv":
        return as_csv(found)
    parts = [heading(found), *(rendered(one, STYLES[format]) for one in sections(found, found.shown))]
    return "\n\n".join(part for part in (*parts, summary(found, found.shown)) if part)


def heading(found: Errors) -> str:
    """What was looked at, and where the files lie."""
    key, wrong = found.key, sum(mistake.wrong for mistake in found.mistakes)
    runs = f"{len(found.cells)} run{'s' * (len(found.cells) > 1)}"
    text = (
        f"{key.method} on {key.backbone}, {key.dataset} ({key.protocol}), recipe {key.recipe}: {wrong:,} of "
        f"{found.items:,} {found.split} items wrong, {runs}"
    )
    return f"{text}\nfiles lie below {found.folder}" if found.folder else text


def sections(found: Errors, shown: int) -> Iterator[Section]:
    """Tables: confusions, classes, domains, items."""
    yield matrix(found) if len(found.names) <= WIDEST else confusions(found, shown)
    yield (
        "by class",
        ["class", "items", "recall %", "precision %", "F1 %"],
        [[c.name, f"{c.items:,}", *map(percent, (c.recall, c.precision, c.f1))] for c in found.classes],
    )
    if found.domains:
        names = list(found.domains[0].metrics)
        rows = [[d.name, f"{d.items:,}", *(percent(d.metrics[name]) for name in names)] for d in found.domains]
        yield "by domain", ["domain", "items", *(f"{name} %" for name in names)], rows
    if found.mistakes:
        yield listed(found, shown)


def matrix(found: Errors) -> Section:
    """The confusion matrix: a row is a true class, a column what it was taken for."""
    rows = [
        [name, *(str(count) if count else "." for count in counts)]
        for name, counts in zip(found.names, found.confusion.tolist(), strict=True)
    ]
    return "confusion: a row is a true class, a column what it was taken for", ["", *found.names], rows


def confusions(found: Errors, shown: int) -> Section:
    """The most frequent confusions, where there are too many classes for a matrix."""
    rows = [[true, taken, str(count)] for true, taken, count in found.confusions()[:shown]]
    return "most frequent confusions", ["true", "taken for", "times"], rows


def listed(found: Errors, shown: int) -> Section:
    """The items, the surest errors first."""
    several = ["wrong"] if len(found.cells) > 1 else []
    head = ["item", "true", "taken for", "confidence", "p(true)", *several, *(["nearest training"] * found.kept)]
    return "errors, the surest first", head, [_line(one, bool(several), found.kept) for one in found.mistakes[:shown]]


def _line(one: Mistake, several: bool, kept: bool) -> list[str]:
    near = [", ".join(f"{n.id} ({n.name})" for n in one.neighbours)] if kept else []
    times = [f"{one.wrong} of {one.runs}"] if several else []
    return [one.id, one.true, one.predicted, f"{one.confidence:.3f}", f"{one.of_true:.3f}", *times, *near]


def rendered(section: Section, style: str) -> str:
    """A titled table."""
    from tabulate import tabulate

    title, head, rows = section
    align = [
        "right" if all(NUMBER.fullmatch(cell) for cell in column) else "left" for column in zip(*rows, strict=True)
    ]
    if style == "github":
        rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return f"{title}\n\n{tabulate(rows, head, tablefmt=style, disable_numparse=True, colalign=align or None)}"


def summary(found: Errors, shown: int) -> str:
    """What is left out, and how to see more."""
    lines = []
    if len(found.mistakes) > shown:
        lines.append(f"{len(found.mistakes) - shown} more items are wrong: --shown N, or --format csv for all.")
    if found.mistakes and not found.kept:
        lines.append("To see the nearest training samples, run the cell again with --keep-features.")
    return "\n".join(lines)


def as_csv(found: Errors) -> str:
    """One line an item."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["item", "true", "predicted", "confidence", "p_true", "wrong", "runs", "nearest", "nearest_class"])
    for one in found.mistakes:
        near = [" ".join(n.id for n in one.neighbours), " ".join(n.name for n in one.neighbours)]
        shares = [f"{one.confidence:.6f}", f"{one.of_true:.6f}"]
        writer.writerow([one.id, one.true, one.predicted, *shares, one.wrong, one.runs, *near])
    return text.getvalue().rstrip("\n")


def percent(share: float) -> str:
    """With two decimals; a dash where it is undefined."""
    return "-" if math.isnan(share) else f"{100 * share:.2f}"
