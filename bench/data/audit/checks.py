"""The audit of a data set: everything that can be wrong with it, decoded and compared.

The result is plain data, ready for JSON::

    {"dataset", "samples", "protocols": {name: {"train", "val", "test", "leaks"}}, "duplicates": [],
     "near_duplicates": [], "classes": {name: count}, "groups": {name: count},
     "values": {"lowest", "mean", "highest"}, "problems": []}

A problem has a ``status``: "undeclared" (exit code 1), "warning" (look at it: only a person can tell), "declared" (the
protocol or the card says so, or ``partial`` accepts it) or "note" (dealt with, worth knowing). What concerns labels is
looked at where each sample has one class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import DataError, MissingData
from bench.data.audit import file_checks, split_checks
from bench.data.audit.duplicates import conflicts, duplicates_of, look_alike_problems, look_alikes_of
from bench.data.audit.findings import Problem, View
from bench.data.audit.inspection import Inspection, inspect
from bench.data.audit.leaks import DUPLICATE, find_leaks
from bench.data.base import Dataset, rows_of
from bench.data.formats.folders import printable
from bench.data.prepare import (
    assign,
    checked_table,
    class_name,
    split_counts,
)

if TYPE_CHECKING:
    import pandas as pd

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
    problems += file_checks.files(seen, dataset.location(root), samples)
    problems += file_checks.intensities(dataset, seen)
    problems += file_checks.unlisted(dataset, root, views)
    problems += [Problem("source", "declared", remark) for remark in dataset.remarks(root)]
    problems += file_checks.targets(dataset, root, views, list(samples.values()))
    duplicates, near = duplicates_of(seen, views), look_alikes_of(seen, views)
    problems += conflicts(views, duplicates)
    problems += split_checks.alike_names(views, root)
    problems += look_alike_problems(views, near)
    leaks = {view.dataset.protocol: _leaks(view, duplicates) for view in views}
    for view in views:
        problems += split_checks.counts(view, root, "declared" if partial else "undeclared")
        problems += split_checks.leaks(view, leaks[view.dataset.protocol])
    return {
        "dataset": dataset.plugin_name(),
        "samples": len(samples),
        "protocols": {view.dataset.protocol: _protocol(view, leaks[view.dataset.protocol]) for view in views},
        "duplicates": duplicates,
        "near_duplicates": near,
        **_members(dataset, views, root),
        "problems": [asdict(problem) for problem in merged(problems)],
    }


def _members(dataset: Dataset, views: list[View], root: Path) -> dict[str, Any]:
    """Samples of each class and of each group, the largest first, and the spread of values, where samples have them."""
    if not views:
        return {"classes": {}, "groups": {}, "values": {}}
    table, names = views[0].table, dataset.under(views[0].dataset.protocol).class_names(root)
    single = dataset.task_plugin.single_label and "label" in table
    labels = Counter(table["label"].tolist()) if single else Counter[int]()
    if "labels" in table:
        labels = Counter(n for row in table["labels"] for n, there in enumerate(row) if there)
    classes = {class_name(names, label): count for label, count in labels.most_common()}
    groups = {str(group): int(n) for group, n in table["group"].value_counts().items()} if "group" in table else {}
    return {"classes": classes, "groups": groups, "values": _spread(table)}


def _spread(table: pd.DataFrame) -> dict[str, float]:
    """Lowest, mean and highest of the numbers to be predicted, where there are some."""
    if "value" not in table:
        return {}
    values = table["value"].astype(float)
    return {"lowest": float(values.min()), "mean": float(values.mean()), "highest": float(values.max())}


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
