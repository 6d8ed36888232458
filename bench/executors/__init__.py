"""Who carries out groups of cells. A group is the unit of work; the results folder is shared.

An executor is a function from groups to nothing: it calls `bench.work.run_group` for each, wherever it likes, and
raises only what should stop the whole run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bench.errors import UsageError, nearest
from bench.groups import Group

Work = Callable[[Group], None]
Executor = Callable[[Iterable[Group], Work], None]


def inline(groups: Iterable[Group], work: Work) -> None:
    """One group after another in this process."""
    for group in groups:
        work(group)


EXECUTORS: dict[str, Executor] = {"inline": inline}


def executor(name: str) -> Executor:
    """Return an executor by name.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in EXECUTORS:
        raise UsageError(f"No executor {name!r}. {nearest(name, EXECUTORS)}")
    return EXECUTORS[name]
