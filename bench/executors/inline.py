"""One group after another in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from bench.executors.base import Executor, Work

if TYPE_CHECKING:
    from bench.engine.groups import Group
    from bench.engine.settings import Settings


class Inline(Executor):
    """One group after another in this process; what others are at comes last, to see what they left."""

    wait: bool = Field(True, description="wait for groups that other processes are at; else leave them alone")

    def execute(self, groups: Sequence[Group], settings: Settings, work: Work) -> None:
        busy = [group for group in groups if not work(group, False)]
        for group in busy if self.wait else []:
            work(group, True)
