"""Who carries out groups of cells. A group is the unit of work; the results folder is shared.

An executor is a function of three arguments. It sees that every group is done, wherever it likes, and raises only what
should stop the whole run:

- ``groups``: what there is to do;
- ``settings``: the run's. With the names of a group's cells (``group.cells``) they are all that another process or
  machine needs: ``bench.engine.run.run(cells, replace(settings, executor="inline"))`` there does the group's work;
- ``work(group, wait)``: does it in this process, with this run's progress bar. False: another process is at it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.core.errors import UsageError, nearest
from bench.engine.groups import Group
from bench.engine.settings import Settings

Work = Callable[[Group, bool], bool]
Executor = Callable[[Sequence[Group], Settings, Work], None]


def inline(groups: Sequence[Group], settings: Settings, work: Work) -> None:
    """One group after another in this process; what others are at comes last, to see what they left."""
    busy = [group for group in groups if not work(group, False)]
    for group in busy:
        work(group, True)


EXECUTORS: dict[str, Executor] = {"inline": inline}


def executor(name: str) -> Executor:
    """Return an executor by name.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in EXECUTORS:
        raise UsageError(f"No executor {name!r}. {nearest(name, EXECUTORS)}")
    return EXECUTORS[name]
