"""Who carries out groups of cells. A group is the unit of work; the results folder is shared.

An executor is a plug-in: one file with one public subclass of `Executor`, whose fields are its parameters
(``--executor ray[gpus=1]``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bench.cells.notation import Spec
from bench.cells.params import Params
from bench.plugins import registry
from bench.plugins.contract import must_define

if TYPE_CHECKING:
    from bench.engine.groups import Group
    from bench.engine.settings import Settings


@dataclass(frozen=True)
class Standing:
    """How far a group is, as the results folder shows.

    Attributes:
        open: Canonical names of the cells without an outcome, in order.
        done: Epochs trained and cells with an outcome: it grows with every step that would not be done again.
    """

    open: tuple[str, ...]
    done: int


class Work(Protocol):
    """What an executor can do with a group."""

    def __call__(self, group: Group, wait: bool) -> bool:
        """Do the group in this process; False, at once unless ``wait``, when another process is at it."""

    def look(self, group: Group, failed: Iterable[str] = ()) -> Standing:
        """See how far the group is, and show what is new in this run's progress bar.

        Args:
            failed: Cells known to have failed: a failure equal to one of an earlier run cannot be
                distinguished from it.
        """

    def begun(self, groups: Sequence[Group]) -> list[Group]:
        """The groups that have something in the results folder which `look` would show, found at little cost."""

    def busy(self, group: Group) -> bool:
        """Whether a process somewhere is at the group."""

    def lost(self, group: Group, why: str) -> None:
        """Record the failure ``worker_lost`` for the group's open cells."""

    def say(self, what: str) -> None:
        """Show in the progress bar what is being done."""


class Executor(Params):
    """Base of all executors."""

    def check(self, settings: Settings) -> None:
        """Find what is wrong with the settings before anything is prepared; by default, groups run in this process.

        Raises:
            UsageError: The device asked for is not there.
        """
        from bench.core.environment import choose_device

        choose_device(settings.device)

    @must_define
    def execute(self, groups: Sequence[Group], settings: Settings, work: Work) -> None:
        """See that every group is done, wherever that is; raise only what should stop the whole run.

        Args:
            groups: What there is to do.
            settings: The run's. With the names of a group's cells (``group.names``) they are all that another process
                or machine needs: `bench.engine.run.carry_out` does the group's work there.
            work: Does groups in this process, or follows what becomes of them elsewhere.
        """
        raise NotImplementedError


def executor_of(text: str) -> Executor:
    """The executor that ``name[key=value,...]`` names.

    Raises:
        UsageError: There is none of this name, or a parameter is wrong.
    """
    spec = Spec.parse(text)
    found: Executor = registry.load("executors", spec.name).build(spec.name, spec.params)
    return found
