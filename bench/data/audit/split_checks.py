"""What an audit finds in a protocol's table: counts, classes, groups, leaks and names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.core.errors import DataError
from bench.data.audit.findings import SHOWN, Problem, Status, View
from bench.data.prepare import class_count, class_name, compare, compare_files
from bench.data.tables.names import alike
from bench.data.tables.target_facts import readable_facts
from bench.data.tables.untrained import check_objects, likely_cause, untrained_classes

FAR = (0.5, 1.5)  # times the samples that a split should have


def alike_names(views: list[View], root: Path) -> Iterator[Problem]:
    """Classes, groups and domains whose names a person takes for one."""
    for view in views:
        columns = {view.dataset.group_kind: "group", "domain": "domain"}
        named = {what: view.table[column] for what, column in columns.items() if column in view.table}
        for what, names in {"class": view.dataset.class_names(root), **named}.items():
            if problem := alike(map(str, names)):
                yield Problem("alike", "warning", f"{what} names: {problem}")


def leaks(view: View, found: dict[str, list[str]]) -> Iterator[Problem]:
    """What leaks between splits, as `bench.data.audit.leaks.find_leaks` found it."""
    for kind, groups in found.items():
        status: Status = "declared" if kind in view.dataset.rule.leaks else "undeclared"
        detail = f"protocol {view.dataset.protocol}: {kind} in several splits"
        yield Problem(kind, status, detail, len(groups), tuple(groups[:SHOWN]))


def counts(view: View, root: Path, status: Status) -> Iterator[Problem]:
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
