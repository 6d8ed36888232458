"""What an audit finds in files: missing, unreadable, deep without a rule, with faulty annotations, in no table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from bench.data.audit.findings import SHOWN, Problem, Status, View
from bench.data.audit.inspection import Inspection
from bench.data.base import Dataset, Sample
from bench.data.formats.annotations import flaws
from bench.data.formats.folders import IMAGE_SUFFIXES, is_clutter, printable, walk
from bench.data.formats.intensity import suggested
from bench.data.prepare import class_count
from bench.data.tables.names import meant


def files(seen: list[Inspection], place: Path, samples: Mapping[str, Sample]) -> Iterator[Problem]:
    """Files that are not there, one problem with its likely cause; unreadable ones, one each; odd ones, one a kind."""
    odd: dict[str, list[str]] = defaultdict(list)
    absent = [one.id for one in seen if one.problem and not _is_there(samples[one.id])]
    if absent:
        cause = meant(place, str(samples[absent[0]].path)[len(str(place)) + 1 :])
        yield Problem("missing_file", "undeclared", "files that are not there" + (f" ({cause})" if cause else ""),
                      len(absent), tuple(absent[:SHOWN]))  # fmt: skip
    for sample in seen:
        if sample.problem and sample.id not in set(absent):
            yield Problem("unreadable", "undeclared", printable(sample.problem), 1, (sample.id,))
        for oddity in sample.oddities:
            odd[oddity].append(sample.id)
    for oddity, ids in odd.items():
        yield Problem("odd_file", "note", oddity, len(ids), tuple(ids[:SHOWN]))


def _is_there(sample: Sample) -> bool:
    return sample.path is None or sample.path.exists()


def intensities(dataset: Dataset, seen: list[Inspection]) -> Iterator[Problem]:
    """Values that are not bytes: with a rule worth a note, without one the window that fits the whole set."""
    deep = [(sample.id, sample.deep) for sample in seen if sample.deep]
    for kind in sorted({facts[0] for _, facts in deep}):
        ids = [name for name, facts in deep if facts[0] == kind]
        low = min(facts[1] for _, facts in deep if facts[0] == kind)
        high = max(facts[2] for _, facts in deep if facts[0] == kind)
        found = f"{kind} values from {low:g} to {high:g}"
        if dataset.intensity:
            yield Problem("intensity", "note", f"{found}, read by intensity={dataset.intensity}", len(ids))
        elif kind != "float16":  # which volumes may hold
            fix = suggested(np.dtype(kind), low, high)
            detail = f'{found} need an intensity rule: set intensity="{fix}", or full'
            yield Problem("intensity", "undeclared", detail, len(ids), tuple(ids[:SHOWN]))


def targets(dataset: Dataset, root: Path, views: list[View], samples: list[Sample]) -> Iterator[Problem]:
    """What is wrong with targets that lie with the samples: one problem a fatal flaw, one a kind of the others."""
    if not views:
        return
    classes = class_count(dataset, views[0].table, root)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for flaw in flaws(dataset, samples, classes):
        if flaw.fatal or flaw.kind == "left_out":
            status: Status = "undeclared" if flaw.fatal else "note"
            yield Problem(flaw.kind, status, printable(flaw.detail), flaw.count, (flaw.sample,))
        else:
            found[flaw.kind, flaw.detail].append(flaw.sample)
    for (kind, detail), ids in found.items():
        yield Problem(kind, "note", detail, len(ids), tuple(ids[:SHOWN]))


def _named(views: list[View], column: str) -> set[str]:
    """Paths that a column of some view's table names."""
    return {path for view in views if column in view.table for path in view.table[column]}


def unlisted(dataset: Dataset, root: Path, views: list[View]) -> Iterator[Problem]:
    """Image files in the folder that no protocol's table names, neither as samples nor as targets."""
    listed, targets = _named(views, "path"), _named(views, "target")
    if not listed:
        return
    place, known = dataset.location(root), listed | targets
    extra = [
        printable(file)
        for file in walk(place)
        if Path(file).suffix.lower() in IMAGE_SUFFIXES
        and file not in known
        and not any(str(folder) in targets for folder in Path(file).parents)
        and not is_clutter(Path(file).name)
        and not any(fnmatch(file, pattern) for pattern in dataset.beside)
    ]
    if extra:
        detail = f"images in {printable(place)} that belong to no sample"
        yield Problem("unlisted", "undeclared", detail, len(extra), tuple(extra[:SHOWN]))
