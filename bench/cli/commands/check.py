"""`bench check`: the shipped conformance checks on anybody's plug-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.cells.notation import Spec
from bench.conformance.base import Verdict, examine
from bench.core.errors import UsageError, nearest
from bench.core.text import as_json, columns
from bench.data import Dataset
from bench.plugins import registry
from bench.plugins.folders import use_folders, user_folders
from bench.plugins.scan import Kind
from bench.tasks.base import Task


def check(target: str, data: Path | None, partial: bool, json: bool) -> bool:
    """Print one line a check; return whether the plug-in passes.

    Args:
        target: A file, or the name of a plug-in; a data set's name may give fields.

    Raises:
        UsageError: There is no such plug-in, or its file cannot be imported.
    """
    verdicts = []
    for verdict in _verdicts(target, data, partial):
        verdicts.append(verdict)
        if not json:
            print(columns([line(verdict)]), flush=True)
    failed = sum(verdict.problem is not None for verdict in verdicts)
    skipped = sum(verdict.skipped is not None for verdict in verdicts)
    summary = f"{len(verdicts) - failed - skipped} passed, {skipped} skipped, {failed} failed."
    print(as_json([asdict(verdict) for verdict in verdicts]) if json else summary)
    return not failed


def line(verdict: Verdict) -> list[str]:
    """One check for people."""
    if verdict.problem is not None:
        return ["FAILED ", verdict.check.ljust(20), verdict.problem]
    if verdict.skipped is not None:
        return ["skipped", verdict.check.ljust(20), verdict.skipped]
    return ["ok     ", verdict.check.ljust(20), verdict.about]


def _verdicts(target: str, data: Path | None, partial: bool) -> Iterator[Verdict]:
    cls, params = _find(target)
    if issubclass(cls, Dataset):
        from bench.conformance import datasets
        from bench.data.roots import data_root

        case = datasets.DatasetCase(cls.build(cls.plugin_name(), params), data_root(data), partial)
        return examine(case, datasets.CHECKS)
    if issubclass(cls, Task):
        from bench.conformance import tasks

        return examine(cls, tasks.CHECKS)
    from bench.conformance import methods

    return examine(cls, methods.checks_for(cls))


def _find(target: str) -> tuple[Any, dict[str, Any]]:
    """The plug-in class and the fields given; a file's folder joins the plug-in folders, so that its cells resolve."""
    if target.endswith(".py"):
        cls = registry.load_file(Path(target))
        use_folders([*user_folders(), Path(target).absolute().parent])
        return cls, {}
    spec = Spec.parse(target)
    kinds: tuple[Kind, ...] = ("baselines", "datasets", "tasks")
    known = {name: kind for kind in kinds for name in registry.catalog(kind)}
    if spec.name not in known:
        raise UsageError(f"No plug-in {spec.name!r}. {nearest(spec.name, known)} A file's name ends in .py.")
    return registry.load(known[spec.name], spec.name), spec.params
