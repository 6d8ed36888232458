"""What a comparison group found, in sentences: the first thing that a report says."""

from __future__ import annotations

from dataclasses import dataclass

from bench.pages.site import Board, Site
from bench.tables.by_group import group_title
from bench.tables.findings import findings, labels


@dataclass(frozen=True)
class Answer:
    """A group in words, with what follows from it.

    Attributes:
        sentences: The best and what does not differ from it; what it would take to see more.
        file: The group's page.
    """

    title: str
    sentences: tuple[str, ...]
    file: str


def answer(board: Board, site: Site) -> Answer | None:
    """What a group found; None where nothing could be compared."""
    compared = board.compared
    if compared is None or (compared.verdicts is None and not compared.over_splits):
        return None
    rows = [row for row in site.table.rows if row.key in compared.members]  # a board may show some of them only
    told = tuple(findings(compared, labels(compared, rows, site.titles)))
    return Answer(group_title(compared, site.titles), told, f"board-{board.slug}.html")
