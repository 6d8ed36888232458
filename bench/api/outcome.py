"""What `bench.run` gives: what was done, and ways to look at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.table import make
from bench.records import Store, load_records
from bench.tables import Table
from bench.tables.versus import Versus, versus

if TYPE_CHECKING:
    import pandas as pd

    from bench.api.preview import Preview
    from bench.plots.chart import Chart


@dataclass(frozen=True)
class Outcome:
    """What a run did, which shows itself in a notebook as a table, and prints as one.

    Attributes:
        cells: Canonical names of all cells asked for, in order.
        ran: How many were run; the others were up to date.
        failed: Canonical name -> "kind: message" of the cells that failed.
        results: The folder of their records.
        left: Cells that another process is at, when the executor does not wait for it.
        metrics: Columns of the table; empty: the tasks decide.
        split: What the table is of: ``test``, or ``val`` where no test split was opened.
        preview: After a dry run: what would run, and why.
    """

    cells: list[str]
    ran: int
    failed: dict[str, str] = field(default_factory=dict)
    results: Path = Path("runs")
    left: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    split: str = "test"
    preview: Preview | None = None

    @property
    def up_to_date(self) -> int:
        """How many cells needed nothing."""
        return len(self.cells) - self.ran

    def frame(self) -> pd.DataFrame:
        """One row a cell, as `bench.load_records`."""
        found = load_records(self.results)
        return found[found["cell"].isin(self.cells)].reset_index(drop=True)

    def table(self, metrics: list[str] | None = None, stages: bool = False) -> Table:
        """The cells as a table of means over seeds, which shows itself in a notebook and prints as text.

        Raises:
            UsageError: A metric is unknown.
        """
        return make(Store(self.results), self.cells, metrics or self.metrics, stages, self.split)

    def compare(self, a: str, b: str, metric: str = "", across_recipes: bool = False) -> Versus:
        """Two rows of the table against each other; arguments and errors are those of `bench.compare`."""
        store, cells = Store(self.results), set(self.cells)
        records = [record for record in store.readable() if record.cell in cells]
        store.warn()
        return versus(store, records, a, b, self.split, metric=metric, across_recipes=across_recipes)

    def plot(self, name: str = "comparison", **options: str) -> Chart:
        """The cells as a chart, which shows itself in a notebook; ``.save("figure.pdf")`` writes it.

        Args:
            name: As for `bench.plot`: comparison, pairs, pareto, curves, ...
            options: The chart's own, such as ``x="seconds"``.

        Raises:
            UsageError: There is no such chart, or the cells do not fit it.
        """
        from bench.plots.draw import Request, draw

        return draw(name, Request(Store(self.results), self.cells, options))

    def _repr_html_(self) -> str:
        if self.preview is not None:
            return self.preview._repr_html_()
        failed = "".join(f"<li>{escape(cell)}: {escape(why)}</li>" for cell, why in self.failed.items())
        return self.table()._repr_html_() + (f"<p>Failed:</p><ul>{failed}</ul>" if failed else "")

    def __str__(self) -> str:
        return str(self.table() if self.preview is None else self.preview)
