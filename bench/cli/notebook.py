"""What a notebook gets: run suites and cells, look at what came out."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.commands import command
from bench.core.speed import set_before_torch

if TYPE_CHECKING:
    import pandas as pd

    from bench.plots.chart import Chart
    from bench.tables import Table
    from bench.tables.versus import Versus


@dataclass(frozen=True)
class Outcome:
    """What `bench.run` did.

    Attributes:
        cells: Canonical names of all cells asked for, in order.
        ran: How many were run; the others were up to date.
        failed: Canonical name -> "kind: message" of the cells that failed.
        results: The folder of their records.
    """

    cells: list[str]
    ran: int
    failed: dict[str, str] = field(default_factory=dict)
    results: Path = Path("runs")

    def frame(self) -> pd.DataFrame:
        """One row a cell, as `bench.load_records`."""
        from bench.records import load_records

        found = load_records(self.results)
        return found[found["cell"].isin(self.cells)].reset_index(drop=True)

    def table(self, metrics: list[str] | None = None, stages: bool = False) -> Table:
        """The cells as a table of means over seeds, which shows itself in a notebook and prints as text.

        Raises:
            UsageError: A metric is unknown.
        """
        from bench.cli.commands.table import make
        from bench.records import Store

        return make(Store(self.results), self.cells, metrics or [], stages)

    def plot(self, name: str = "comparison", **options: str) -> Chart:
        """The cells as a chart, which shows itself in a notebook; ``.save("figure.pdf")`` writes it.

        Args:
            name: As for ``bench plot``: comparison, pairs, pareto, curves, ...
            options: The chart's own, such as ``x="seconds"``.

        Raises:
            UsageError: There is no such chart, or the cells do not fit it.
        """
        from bench.plots.draw import Request, draw
        from bench.records import Store

        return draw(name, Request(Store(self.results), self.cells, options))

    def _repr_html_(self) -> str:
        from html import escape

        failed = "".join(f"<li>{escape(cell)}: {escape(why)}</li>" for cell, why in self.failed.items())
        return self.table()._repr_html_() + (f"<p>Failed:</p><ul>{failed}</ul>" if failed else "")

    def __str__(self) -> str:
        return str(self.table())


def run(
    *targets: str,
    results: str | Path = "runs",
    data: str | Path | None = None,
    weights: str | Path | None = None,
    plugins: list[str | Path] | None = None,
    quiet: bool = False,
    device: str | None = None,
    partial: bool = False,
    executor: str = "inline",
    callbacks: list[str] | None = None,
    keep_features: bool = False,
    keep_weights: bool = False,
    **overrides: Any,
) -> Outcome:
    """Run suites and cells, as ``bench run`` does; only what is missing, failed or stale runs.

    Args:
        targets: Suites by name or file, cells by name.
        plugins: Folders of plug-ins, beside those that are known already and those of ``BENCH_PLUGINS``.
        callbacks: What watches the run, as ``tensorboard[folder=tb]``.
        overrides: Variables of the suites to replace, as ``-o`` does: ``seeds=[0, 1, 2]``, ``epochs=5``.

    Raises:
        UsageError, DataError: The request is wrong or cannot be carried out; nothing has been written.
    """
    set_before_torch()
    from bench.backbones.local import weights_folder
    from bench.core.errors import UsageError
    from bench.engine.run import run as run_cells
    from bench.engine.settings import Settings
    from bench.grid.suite import load_targets, notes_of
    from bench.plugins.folders import use_folders, user_folders

    folders = tuple(dict.fromkeys([*user_folders(), *(Path(folder).absolute() for folder in plugins or ())]))
    use_folders(list(folders))
    settings = Settings(
        results=Path(results), data=_path(data), weights=_path(weights), device=device, partial=partial, quiet=quiet,
        executor=executor, callbacks=tuple(callbacks or ()), plugins=folders, keep_features=keep_features,
        keep_weights=keep_weights,
    )  # fmt: skip
    suites = load_targets(targets, overrides, weights_folder(settings.weights))
    if not quiet:
        print(notes_of(suites), end="", file=sys.stderr)
    for suite in suites:
        if not suite.train:
            counted = command("run", suite.name)
            raise UsageError(f"{suite.name} trains nothing, it counts parameters. On the command line: `{counted}`")
    cells = {cell.name: cell for suite in suites for cell in suite.cells}
    done = run_cells(cells.values(), settings)
    return Outcome(done.cells, done.ran, done.failed, settings.results)


def compare(
    done: Outcome | str | Path, a: str, b: str, split: str = "test", metric: str = "", across_recipes: bool = False
) -> Versus:
    """Two rows of an outcome, or of a results folder, against each other: ``compare(done, "cladapter", "knn")``.

    Args:
        a, b: Filters that name one row each, as for ``bench table``.
        metric: The task's first if empty.
        across_recipes: Whether the two may differ in their recipe.

    Raises:
        UsageError: A filter names no row or several, the two may not be compared, or the metric is unknown.
    """
    from bench.records import Store
    from bench.tables.versus import versus

    folder, cells = (done.results, set(done.cells)) if isinstance(done, Outcome) else (Path(done), None)
    store = Store(folder)
    records = [record for record in store.readable() if cells is None or record.cell in cells]
    store.warn()
    return versus(store, records, a, b, split, metric=metric, across_recipes=across_recipes)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
