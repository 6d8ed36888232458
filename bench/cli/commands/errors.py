"""`bench errors`: what a row's runs got wrong, as text, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.commands.text import as_json
from bench.core.errors import BenchError, UsageError, nearest
from bench.records import Store
from bench.tables.errors import Errors, Mistake
from bench.tables.errors import errors as found_errors

if TYPE_CHECKING:
    from bench.data.base import Dataset

WIDEST = 20  # classes up to which the whole matrix is shown; beyond, the most frequent confusions
STYLES = {"text": "plain", "md": "github", "latex": "latex_booktabs"}
NUMBER = re.compile(r"[-.]|[\d.,]+|\d+ of \d+")  # what is aligned to the right
FORMATS = (*STYLES, "csv", "json")
Section = tuple[str, list[str], list[list[str]]]  # title, head, rows


def errors(store: Store, filter: str, split: str, shown: int, format: str, data: Path | None) -> str:
    """Text of ``bench errors``.

    Args:
        shown: Items and confusions listed; all in CSV and JSON.
        data: The data root, which tells the files' folder.

    Raises:
        UsageError: The filter names none or several rows, their task has no classes, or there is no such format.
    """
    if format not in FORMATS:
        raise UsageError(f"No format {format!r}. {nearest(format, FORMATS)}")
    found = found_errors(store, list(store.readable()), filter, split)
    if format == "json":
        return as_json({**asdict(found), "confusion": found.confusion.tolist()})
    if format == "csv":
        return as_csv(found)
    parts = [heading(found, store, data), *(rendered(one, STYLES[format]) for one in sections(found, shown))]
    return "\n\n".join(part for part in (*parts, summary(found, shown)) if part)


def heading(found: Errors, store: Store, data: Path | None) -> str:
    """What was looked at, and where the files lie."""
    key, wrong = found.key, sum(mistake.wrong for mistake in found.mistakes)
    runs = f"{len(found.cells)} run{'s' * (len(found.cells) > 1)}"
    text = (
        f"{key.method} on {key.backbone}, {key.dataset} ({key.protocol}), recipe {key.recipe}: {wrong:,} of "
        f"{found.items:,} {found.split} items wrong, {runs}"
    )
    place = folder_of(store, found, data)
    return f"{text}\nfiles lie below {place}" if place else text


def folder_of(store: Store, found: Errors, data: Path | None) -> Path | None:
    """Where the items' files lie; None where they are no files, or not here."""
    from bench.data.roots import data_root
    from bench.plugins import registry

    record = store.get(found.cells[0])
    assert record is not None
    try:
        cls = registry.load("datasets", record.dataset.name)
        dataset: Dataset = cls.build(record.dataset.name, record.dataset.params)
    except BenchError:  # a plug-in that is not here: its results can be read all the same
        return None
    place = dataset.location(data_root(data))
    return place if found.mistakes and (place / found.mistakes[0].id).is_file() else None


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
