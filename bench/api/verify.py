"""`bench.verify`: published claims against arithmetic and records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.api.places import Place, Results, opened, path
from bench.claims import tolerances
from bench.claims.binding import Runs, planned_cells_that_ran
from bench.claims.published import chosen, load
from bench.claims.reading import judged
from bench.claims.render import detail, render
from bench.claims.verdicts import VERDICTS
from bench.claims.verification import Row
from bench.core.errors import UsageError, nearest
from bench.core.text import preformatted


@dataclass(frozen=True)
class Verified:
    """Claims with their verdicts, which ``print`` shows as text.

    Attributes:
        rows: Those of the verdicts asked for.
        contradicted: How many of all chosen claims are contradicted.
        in_full: Whether one claim was asked for by its id, so that text tells everything of it.
    """

    rows: list[Row]
    contradicted: int
    in_full: bool = False

    def text(self, format: str = "table") -> str:
        """As table, md, csv or json; UsageError for another."""
        return detail(self.rows[0]) if self.in_full and format == "table" else render(self.rows, format)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return preformatted(self.text())


def verify(
    claim: str | None = None,
    *,
    results: Results = "runs",
    folder: Place | None = None,
    plan_file: Place | None = None,
    strict: bool = False,
    verdict: Sequence[str] | None = None,
    plugins: Iterable[Place] = (),
) -> Verified:
    """Judge published numbers: reproduced, within noise, contradicted, not comparable or not run.

    Args:
        claim: ``PAPER``, ``PAPER:TABLE`` or a claim's id; None: all claims.
        results: Folder of the records.
        folder: Folder of your own papers' CSVs.
        plan_file: Default: ``claims_plan.json`` among the results.
        strict: Correct for many claims.
        verdict: Claims of these verdicts only; without it, all.
        plugins: Further folders of plug-ins.

    Raises:
        UsageError: The selector, a CSV, the plan or a verdict is wrong.
    """
    with opened(results, plugins) as store:
        rows = judged(store, claim, path(folder), path(plan_file), strict)
    shown = of_verdicts(rows, verdict or ())
    contradicted = sum(row.judgement.verdict == "contradicted" for row in rows)
    return Verified(shown, contradicted, len(shown) == 1 and shown[0].claim.id == claim)


def of_verdicts(rows: list[Row], verdicts: Sequence[str]) -> list[Row]:
    """The rows that have one of some verdicts; all where none is named.

    Raises:
        UsageError: There is no such verdict.
    """
    for name in verdicts:
        if name not in VERDICTS:
            raise UsageError(f"There is no verdict {name!r}. {nearest(name, VERDICTS)}")
    return [row for row in rows if not verdicts or row.judgement.verdict in verdicts]


def fix_tolerances(
    claim: str | None = None,
    *,
    results: Results = "runs",
    folder: Place | None = None,
    plan_file: Place | None = None,
    plugins: Iterable[Place] = (),
) -> tuple[Path, tolerances.Written]:
    """Fix the tolerances of claims that have not run yet; returns the plan's file and what was done.

    Raises:
        UsageError: As `verify`; or there is no tolerance to fix.
    """
    with opened(results, plugins) as store:
        claims = chosen(load(path(folder)), claim)
        file = path(plan_file) or store.folder / tolerances.FILE
        ran = planned_cells_that_ran(claims, Runs(store)) if store.folder.is_dir() else set()
    written = tolerances.write(file, claims, ran)
    if not written.added and not written.kept:
        raise UsageError("There is no tolerance to fix: no chosen claim has a cell that has not run yet.")
    return file, written
