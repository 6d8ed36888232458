"""What tables know of plug-ins without importing torch: metrics of tasks, trivial baselines among the methods."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache

from bench.core.errors import UsageError, nearest
from bench.plugins.registry import catalog, load
from bench.records import Record
from bench.tasks.base import Metric, Task


def metrics_of(task: str) -> tuple[Metric, ...]:
    """A task's metrics, the headline first; errors are those of `task_of`."""
    return task_of(task).metrics


def metric_of(task: str, name: str = "") -> Metric:
    """A task's metric by name, its headline without one.

    Raises:
        UsageError: The task has no such metric.
    """
    known = {metric.name: metric for metric in metrics_of(task)}
    if name and name not in known:
        raise UsageError(f"{task} has no metric {name!r}. {nearest(name, known)}")
    return known[name] if name else metrics_of(task)[0]


def selecting(record: Record) -> Metric:
    """The metric that a record's epochs and trials were chosen by."""
    task = task_of(record.task)()
    return task.selecting(str(record.recipe.params.get("select", "")))


@lru_cache(maxsize=64)
def task_of(task: str) -> type[Task]:
    """The task that records name.

    Raises:
        UsageError: There is no such task here; name its plug-in folder.
    """
    try:
        found: type[Task] = load("tasks", task)
    except UsageError as error:
        raise UsageError(f"{error} Records name this task: give the folder of its plug-in by --plugins.") from error
    return found


def known_metrics(tasks: Iterable[str]) -> dict[str, Metric]:
    """Name -> metric of several tasks, each task's headline first; of equal names the first task's counts."""
    found: dict[str, Metric] = {}
    for task in dict.fromkeys(tasks):
        for metric in metrics_of(task):
            found.setdefault(metric.name, metric)
    return found


def default_columns(tasks: Iterable[str]) -> tuple[str, ...]:
    """What a table shows when not asked: headlines and the metrics that say so, then samples and trained parameters."""
    tasks = list(dict.fromkeys(tasks))
    headlines = [metrics_of(task)[0].name for task in tasks]
    others = [metric.name for task in tasks for metric in metrics_of(task)[1:] if metric.shown]
    facts = [fact for task in tasks for fact in task_of(task).facts]
    return (*dict.fromkeys([*headlines, *others, "n", "trainable", *facts]),)


@lru_cache(maxsize=64)
def known_trivial_baselines(task: str) -> tuple[str, ...]:
    """The trivial baselines that every table of a task should have, the lowest first; some are for volumes only."""
    cards = {name: dict(entry.card) for name, entry in catalog("baselines").items()}
    everywhere = {name: card for name, card in cards.items() if card.get("needs_volumes") != "True"}
    ranks = {name: int(card.get("trivial_baseline", "0")) for name, card in everywhere.items() if _is_for(card, task)}
    return tuple(sorted((name for name, rank in ranks.items() if rank), key=lambda name: ranks[name]))


def _is_for(card: dict[str, str], task: str) -> bool:
    """Whether a method fitted on features learns a task; those that name none need one class a sample,
    or say that vectors will do."""
    if "tasks" in card:
        return task in ast.literal_eval(card["tasks"])
    learns: type[Task] = load("tasks", task)
    return learns.single_label or (learns.vectors and card.get("vectors") == "True")
