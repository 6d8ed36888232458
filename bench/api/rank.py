"""`bench.rank`: methods over several data sets."""

from __future__ import annotations

from collections.abc import Iterable

from bench.api.chosen import chosen
from bench.api.places import Place, Results, opened
from bench.api.table import make
from bench.tables.ranking import Ranking, ranking
from bench.tables.titles import Titles, labels_of


def rank(
    filter: str | Iterable[str] | None = None,
    *,
    results: Results = "runs",
    names: bool = False,
    label: Iterable[str] = (),
    plugins: Iterable[Place] = (),
) -> Ranking:
    """Rank the methods that all chosen data sets have; it prints as text, and ``.text("json")`` gives everything.

    Args:
        filter: As for `bench.table`; several must all hold. Names of suites choose their cells.
        results: Folder of the records.
        names: Spell methods and data sets as in a cell's name, not by their titles.
        label: Titles of your own, as ``cladapter=Ours``.
        plugins: Further folders of plug-ins.

    Raises:
        UsageError: There are no records, a filter is wrong, or what it chooses cannot be ranked; the message says why.
    """
    with opened(results, plugins) as store:
        titles = Titles(labels_of(store.folder, label), names)
        return ranking(make(store, chosen(store, filter), titles=titles))
