"""`bench plot NAME`: from a results folder to a chart."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from bench.core.commands import command
from bench.core.errors import UsageError, nearest
from bench.plots.chart import Chart
from bench.records import Record, Store
from bench.tables import Table, aggregate
from bench.tables.filters import select
from bench.tables.predictions import class_names
from bench.tables.scores import scores_of
from bench.tables.titles import Titles, labels_of

Claims = Callable[[str | None], list[dict[str, Any]]]


@dataclass(frozen=True)
class Request:
    """What is to be drawn, and the words that choose it.

    Attributes:
        filter: A pattern of cells, as `bench table` takes it, or the names of cells.
        options: Words of single charts: ``x`` (a field or a cost), ``stage``, ``split``, ``paper``.
        claims: Claims of a paper (None: all) with verdicts, as `bench.claims.render.facts` gives them.
        published: The same without verdicts, which cost no time.
        labels: A person's own titles, as ``cladapter=Ours``.
    """

    store: Store
    filter: str | Collection[str] | None = None
    options: dict[str, str] = field(default_factory=dict)
    claims: Claims = lambda paper: []
    published: Claims = lambda paper: []
    labels: tuple[str, ...] = ()

    @property
    def split(self) -> str:
        """The split whose predictions are drawn."""
        return self.options.get("split", "test")

    def records(self) -> list[Record]:
        """The chosen records, finished ones and failures.

        Raises:
            UsageError: There is none.
        """
        found = select(self.store.readable(), self.filter)
        if not found:
            first = command("run", "quick", results=self.store.folder)
            raise UsageError(f"No records in {self.store.folder}. Run `{first}`, or name a folder by --results.")
        return found

    def table(self, stages: bool = False) -> tuple[Table, list[Record]]:
        """The chosen records as rows, and all records."""
        records = list(self.store.readable())
        found = aggregate(records, self.filter, stages=stages, scores=scores_of(self.store, "test"))
        return replace(found, titles=Titles(labels_of(self.store.folder, self.labels))), records

    def runs(self) -> list[tuple[Record, dict[str, Any]]]:
        """The chosen finished records with their predictions."""
        return [self.store.pair(record.cell) for record in self.records() if record.status == "done"]

    def one(self) -> Record:
        """The first finished record chosen.

        Raises:
            UsageError: There is none.
        """
        done = [record for record in self.records() if record.status == "done"]
        if not done:
            raise UsageError("No finished record is chosen. Run its cell, or choose another by a filter.")
        return done[0]


def draw(name: str, request: Request) -> Chart:
    """The chart of this name.

    Raises:
        UsageError: There is no such chart, an option is not its own, or the records do not fit it.
    """
    if name not in CHARTS:
        raise UsageError(f"No chart {name!r}. {nearest(name, CHARTS)}")
    make, known = CHARTS[name]
    for option in request.options:
        if option not in known:
            raise UsageError(f"The chart {name} has no option {option!r}. {nearest(option, known)}")
    return make(request)


def _comparison(request: Request) -> Chart:
    from bench.plots.comparison import comparison

    return comparison(request.table(request.options.get("stages", "") == "true")[0])


def _pairs(request: Request) -> Chart:
    from bench.plots.labels import labels, several
    from bench.plots.pairs import pairs
    from bench.tables.comparison_groups import name_of

    groups = request.table()[0].compared
    if len(groups) != 1:
        which = f" ({several([compared.place.label for compared in groups])})" if groups else ""
        raise UsageError(f"Pairs are of one comparison group, not {len(groups)}{which}. Filter the rows.")
    names = labels(groups[0].keys)
    return pairs(groups[0], {name_of(key): name for key, name in zip(groups[0].keys, names, strict=True)})


def _training(request: Request) -> Chart:
    from bench.plots.training import training
    from bench.tables.naming import naming
    from bench.tables.rows import group

    records = [record for record in request.records() if record.status == "done" and record.stages]
    rows = [found[0] for found in group(records).values()]
    if len(rows) > 1:
        names = ", ".join(naming(one, records) for one in rows[:3])
        raise UsageError(f"Curves are of the runs of one row, and {len(rows)} are chosen ({names}, ...). Filter them.")
    return training(records)


def _rank(request: Request) -> Chart:
    from bench.plots.ranks import ranks
    from bench.tables.ranking import ranking

    return ranks(ranking(request.table()[0]))


def _sweep(request: Request) -> Chart:
    from bench.plots.published import points_of
    from bench.plots.sweep import sweep

    table, records = request.table()
    name = request.options.get("x")
    paper = request.options.get("paper")
    claims = request.published(paper) if paper != "none" else []
    return sweep(table, records, points_of(claims, table, name or "k"), name)


def _curves(request: Request) -> Chart:
    from bench.plots.curves import curves

    return curves(*request.table())


def _pareto(request: Request) -> Chart:
    from bench.plots.pareto import pareto

    return pareto(request.table()[0], request.options.get("x", "trainable"))


def _tuning(request: Request) -> Chart:
    from bench.plots.tuning import tuning

    return tuning(request.records())


def _selection(request: Request) -> Chart:
    from bench.plots.selection import selection

    return selection(request.records())


def _confusion(request: Request) -> Chart:
    from bench.plots.confusion import confusion

    runs = request.runs()
    return confusion(runs, class_names(runs), request.split)


def _reliability(request: Request) -> Chart:
    from bench.plots.reliability import reliability

    return reliability(request.runs(), request.split)


def _routing(request: Request) -> Chart:
    from bench.plots.routing import routing

    run = request.store.pair(request.one().cell)
    return routing(run[0], request.options.get("stage"), class_names([run]))


def _embedding(request: Request) -> Chart:
    from bench.plots.embedding import embedding

    record = request.one()
    run = request.store.pair(record.cell)
    return embedding(run, class_names([run]), request.split)


def _spectrum(request: Request) -> Chart:
    from bench.plots.spectrum import spectrum

    return spectrum(request.one(), request.options.get("stage"))


def _choice(request: Request) -> Chart:
    from bench.plots.choice import choice

    return choice(request.one(), request.options.get("stage"))


def _claims(request: Request) -> Chart:
    from bench.plots.claims import claims

    chosen = request.filter if isinstance(request.filter, str) else None
    return claims(request.claims(request.options.get("paper") or chosen))


Make = Callable[[Request], Chart]
CHARTS: dict[str, tuple[Make, tuple[str, ...]]] = {
    "comparison": (_comparison, ("stages",)),
    "sweep": (_sweep, ("x", "paper")),
    "curves": (_curves, ()),
    "pareto": (_pareto, ("x",)),
    "tuning": (_tuning, ()),
    "selection": (_selection, ()),
    "pairs": (_pairs, ()),
    "rank": (_rank, ()),
    "training": (_training, ()),
    "confusion": (_confusion, ("split",)),
    "reliability": (_reliability, ("split",)),
    "routing": (_routing, ("stage",)),
    "embedding": (_embedding, ("split",)),
    "claims": (_claims, ("paper",)),
    "spectrum": (_spectrum, ("stage",)),
    "choice": (_choice, ("stage",)),
}
