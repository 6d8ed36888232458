"""Who carries out groups of cells. A group is the unit of work; the results folder is shared.

An executor is a plug-in: one file with one public subclass of `Executor`, whose fields are its parameters
(``--executor ray[gpus=1]``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bench.cells.params import Params
from bench.plugins.contract import must_define

if TYPE_CHECKING:
    from bench.engine.groups import Group
    from bench.engine.settings import Settings

Work = Callable[["Group", bool], bool]


class Executor(Params):
    """Base of all executors."""

    @must_define
    def execute(self, groups: Sequence[Group], settings: Settings, work: Work) -> None:
        """See that every group is done, wherever that is; raise only what should stop the whole run.

        Args:
            groups: What there is to do.
            settings: The run's. With the names of a group's cells (``group.names``) they are all that another process
                or machine needs: `bench.engine.run.carry_out` does the group's work there.
            work: ``work(group, wait)`` does a group in this process, with this run's progress bar. It returns False,
                at once unless ``wait``, when another process is at it.
        """
        raise NotImplementedError
