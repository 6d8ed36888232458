"""The audit of a data set: everything that can be wrong with it, decoded and compared.

The result is plain data, ready for JSON::

    {"dataset", "samples", "protocols": {name: {"train", "val", "test", "leaks"}}, "duplicates": [],
     "near_duplicates": [], "classes": {name: count}, "groups": {name: count}, "problems": []}

A problem has a ``status``: "undeclared" (exit code 1), "warning" (look at it: only a person can tell), "declared" (the
protocol or the card says so, or ``partial`` accepts it) or "note" (dealt with, worth knowing). What concerns labels is
looked at where each sample has one class.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import DataError, MissingData
from bench.data.audit.duplicates import conflicts, duplicates_of, look_alike_problems, look_alikes_of
from bench.data.audit.findings import SHOWN, Problem, Status, View
from bench.data.audit.inspection import Inspection, inspect
from bench.data.audit.leaks import DUPLICATE, find_leaks
from bench.data.base import Dataset, Sample, rows_of
from bench.data.formats.annotations import flaws
from bench.data.formats.folders import IMAGE_SUFFIXES, is_clutter, printable, walk
from bench.data.formats.intensity import suggested
from bench.data.prepare import (
    assign,
    checked_table,
    class_count,
    class_name,
    compare,
    compare_files,
    split_counts,
)
from bench.data.tables.names import alike, meant
from bench.data.tables.target_facts import readable_facts
from bench.data.tables.untrained import check_objects, likely_cause, untrained_classes

FAR = (0.5, 1.5)  # times the samples that a split should have
Watch = Callable[[Iterator[Inspection], int], Iterable[Inspection]]


def audit(dataset: Dataset, root: Path, partial: bool = False, watch: Watch | None = None) -> dict[str, Any]:
    """Check a data set under all protocols that fit its fields.

    Args:
        dataset: The adapter with its fields; `shots` and `fraction` play no part.
        root: The data root.
        partial: Counts and checksums that differ from what is expected are accepted.
        watch: Wraps the iterator over samples (with their number), for a progress bar.

    Raises:
        MissingData: The data are not there.
    """
    problems: list[Problem] = []
    views = list(_views(dataset, root, problems))
    samples = {sample.id: sample for view in views for sample in rows_of(view.dataset, view.table, root)}
    looked = inspect(dataset, list(samples.values()))
    seen = list(watch(looked, len(samples)) if watch else looked)
    problems += _files(seen, dataset.location(root), samples)
    problems += _deep(dataset, seen)
    problems += _unlisted(dataset, root, views)
    problems += [Problem("source", "declared", remark) for remark in dataset.remarks(root)]
    problems += _annotations(dataset, root, views, list(samples.values()))
    duplicates, near = duplicates_of(seen, views), look_alikes_of(seen, views)
    problems += conflicts(views, duplicates)
    problems += _alike(views, root)
    problems += look_alike_problems(views, near)
    leaks = {view.dataset.protocol: _leaks(view, duplicates) for view in views}
    for view in views:
        problems += _counts(view, root, "declared" if partial else "undeclared")
        problems += _leak_problems(view, leaks[view.dataset.protocol])
    return {
        "dataset": dataset.plugin_name(),
        "samples": len(samples),
        "protocols": {view.dataset.protocol: _protocol(view, leaks[view.dataset.protocol]) for view in views},
        "duplicates": duplicates,
        "near_duplicates": near,
        **_members(dataset, views, root),
        "problems": [asdict(problem) for problem in merged(problems)],
    }


def _members(dataset: Dataset, views: list[View], root: Path) -> dict[str, dict[str, int]]:
    """Samples of each class and of each group, the largest first, where samples have them."""
    if not views:
        return {"classes": {}, "groups": {}}
    table, names = views[0].table, dataset.under(views[0].dataset.protocol).class_names(root)
    single = dataset.task_plugin.single_label and "label" in table
    labels = Counter(table["label"].tolist()) if single else Counter[int]()
    classes = {class_name(names, label): count for label, count in labels.most_common()}
    groups = {str(group): int(n) for group, n in table["group"].value_counts().items()} if "group" in table else {}
    return {"classes": classes, "groups": groups}


def _alike(views: list[View], root: Path) -> Iterator[Problem]:
    """Classes, groups and domains whose names a person takes for one."""
    for view in views:
        columns = {view.dataset.group_kind: "group", "domain": "domain"}
        named = {what: view.table[column] for what, column in columns.items() if column in view.table}
        for what, names in {"class": view.dataset.class_names(root), **named}.items():
            if problem := alike(map(str, names)):
                yield Problem("alike", "warning", f"{what} names: {problem}")


def is_clean(report: dict[str, Any]) -> bool:
    """Whether the audit found no undeclared problem."""
    return all(problem["status"] != "undeclared" for problem in report["problems"])


def merged(problems: list[Problem]) -> list[Problem]:
    """Drop repetitions (several protocols may show the same), undeclared first."""
    rank = {"undeclared": 0, "warning": 1, "declared": 2, "note": 3}
    return sorted(dict.fromkeys(problems), key=lambda problem: rank[problem.status])


def _views(dataset: Dataset, root: Path, problems: list[Problem]) -> Iterator[View]:
    """The table under each protocol; those that cannot be applied become problems.

    Raises:
        MissingData: No protocol finds its data.
    """
    missing: list[MissingData] = []
    protocols = dataset.applicable()
    for protocol in protocols:
        try:
            one = dataset.under(protocol)
            table = checked_table(one, root)
            table["split"] = assign(one, table, data_seed=0)
            yield View(one, table)
        except MissingData as error:
            missing.append(error)
            problems.append(Problem("unavailable", "note", f"protocol {protocol}: {printable(str(error))}"))
        except DataError as error:
            problems.append(Problem("protocol", "undeclared", f"protocol {protocol}: {printable(str(error))}"))
    if len(missing) == len(protocols):
        raise missing[0]


def _files(seen: list[Inspection], place: Path, samples: Mapping[str, Sample]) -> Iterator[Problem]:
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


def _deep(dataset: Dataset, seen: list[Inspection]) -> Iterator[Problem]:
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


def _annotations(dataset: Dataset, root: Path, views: list[View], samples: list[Sample]) -> Iterator[Problem]:
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


def _unlisted(dataset: Dataset, root: Path, views: list[View]) -> Iterator[Problem]:
    """Image files in the folder that no protocol's table names."""
    listed = {path for view in views if "path" in view.table for path in view.table["path"]}
    if not listed:
        return
    place = dataset.location(root)
    extra = [
        printable(file)
        for file in walk(place)
        if Path(file).suffix.lower() in IMAGE_SUFFIXES
        and file not in listed
        and not is_clutter(Path(file).name)
        and not any(fnmatch(file, pattern) for pattern in dataset.beside)
    ]
    if extra:
        detail = f"images in {printable(place)} that belong to no sample"
        yield Problem("unlisted", "undeclared", detail, len(extra), tuple(extra[:SHOWN]))


def _leaks(view: View, duplicates: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Kind -> groups, or first ids of sets of equal pixels, in several of this protocol's splits."""
    hashes = np.arange(len(view.table)).astype(str)  # files are compared by their pixels here, not by their bytes
    found = find_leaks(view.dataset, view.table, hashes)
    protocol = view.dataset.protocol
    crossover = [one["samples"][0] for one in duplicates if len(set(one["splits"][protocol]) - {""}) > 1]
    return {**found, **({DUPLICATE: crossover} if crossover else {})}


def _protocol(view: View, leaks: dict[str, list[str]]) -> dict[str, Any]:
    """Sizes of a protocol's splits, and how many of each kind leak."""
    return {**split_counts(view.table), "leaks": {kind: len(found) for kind, found in leaks.items()}}


def _leak_problems(view: View, leaks: dict[str, list[str]]) -> Iterator[Problem]:
    for kind, found in leaks.items():
        status: Status = "declared" if kind in view.dataset.rule.leaks else "undeclared"
        detail = f"protocol {view.dataset.protocol}: {kind} in several splits"
        yield Problem(kind, status, detail, len(found), tuple(found[:SHOWN]))


def _counts(view: View, root: Path, status: Status) -> Iterator[Problem]:
    """Counts and checksums against expectation, and classes that a protocol cannot train."""
    table, protocol = view.table, view.dataset.protocol
    classes = class_count(view.dataset, table, root)
    for split, pair in compare(table, view.dataset.expects(), classes).items():
        found, expected = pair["found"], pair["expected"]
        yield Problem("counts", status, f"protocol {protocol}: {split} has {found} samples, expected {expected}")
    for file, pair in compare_files(view.dataset, root).items():
        yield Problem("checksum", status, f"{file} is {pair['found']}, published as {pair['expected']}")
    yield from _untrained(view, root, status, classes)
    if view.dataset.task_plugin.single_label:
        yield from _untested(view, root, classes)
    yield from _sizes(view)
    if "group" in table and view.dataset.task_plugin.single_label:
        yield from _group_labels(view)


def _untrained(view: View, root: Path, status: Status, classes: int) -> Iterator[Problem]:
    """Classes that a protocol cannot train."""
    facts, protocol = readable_facts(view.dataset, view.table, root), view.dataset.protocol
    if untrained := untrained_classes(view.dataset, view.table, classes, facts):
        names = view.dataset.class_names(root)
        shown = tuple(class_name(names, label) for label in untrained[:SHOWN])
        cause = likely_cause(view.table, facts)
        detail = f"protocol {protocol}: classes without a training sample{f' ({cause})' if cause else ''}"
        yield Problem("untrained_class", status, detail, len(untrained), shown)
    try:
        check_objects(view.dataset, view.table, facts, root)
    except DataError as error:
        yield Problem("annotation", "undeclared", str(error))


def _untested(view: View, root: Path, classes: int) -> Iterator[Problem]:
    """Classes that no test sample shows, though training ones do."""
    table = view.table
    parts = {split: set(table["label"][table["split"] == split]) for split in ("train", "test")}
    if lacking := sorted(parts["train"] - parts["test"]):
        names = view.dataset.class_names(root)
        shown = tuple(class_name(names, label) for label in lacking[:SHOWN])
        detail = f"protocol {view.dataset.protocol}: classes without a test sample"
        yield Problem("untested_class", "warning", detail, len(lacking), shown)


def _sizes(view: View) -> Iterator[Problem]:
    """Drawn splits that are far from the share they should have: one group may hold most of the samples."""
    table, shares = view.table, view.dataset.rule.shares
    for split, share in shares.items():
        found, wanted = int((table["split"] == split).sum()), share * len(table)
        if not FAR[0] * wanted <= found <= FAR[1] * wanted:
            detail = (
                f"protocol {view.dataset.protocol}: {split} has {found} of {len(table)} samples, {wanted:.0f} were "
                "wanted: some group is too large"
            )
            yield Problem("split_size", "warning", detail)


def _group_labels(view: View) -> Iterator[Problem]:
    labels = view.table.groupby("group")["label"].nunique()
    several = [str(group) for group in labels.index[labels > 1]]
    if several:
        kind = view.dataset.group_kind
        yield Problem("group_labels", "note", f"{kind} with several labels", len(several), tuple(several[:SHOWN]))
