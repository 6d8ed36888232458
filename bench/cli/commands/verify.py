"""`bench verify`: published claims against arithmetic and records; `bench run --claims`: what they need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.claims import required_runs, tolerances
from bench.claims.binding import Runs, planned_cells_that_ran
from bench.claims.published import chosen, load
from bench.claims.reading import judged
from bench.claims.render import detail, render
from bench.claims.schema import Claim
from bench.claims.verdicts import VERDICTS
from bench.claims.verification import Row
from bench.core.errors import UsageError, nearest
from bench.grid.suite import Suite, from_variables, parse_override
from bench.records import Store


def verify(
    selector: str | None, store: Store, folder: Path | None, plan_file: Path | None, strict: bool
) -> tuple[list[Row], int]:
    """Rows of the chosen claims, and the exit code: 1 when one is contradicted under ``strict``.

    Args:
        selector: ``PAPER``, ``PAPER:TABLE`` or a claim's id; None: all claims.
        folder: Further CSVs of claims.
        plan_file: Default: `tolerances.FILE` in the results folder.

    Raises:
        UsageError: The selector, a CSV or the plan is wrong.
    """
    rows = judged(store, selector, folder, plan_file, strict)
    return rows, int(strict and any(row.judgement.verdict == "contradicted" for row in rows))


def of_verdicts(rows: list[Row], verdicts: Sequence[str]) -> list[Row]:
    """The rows that have one of some verdicts; all where none is named.

    Raises:
        UsageError: There is no such verdict.
    """
    for name in verdicts:
        if name not in VERDICTS:
            raise UsageError(f"There is no verdict {name!r}. {nearest(name, VERDICTS)}")
    return [row for row in rows if not verdicts or row.judgement.verdict in verdicts]


def show(selector: str | None, rows: list[Row], format: str) -> str:
    """The rows as text; a single claim asked for by its id is told in full, unless a format for programs is named."""
    if format == "table" and len(rows) == 1 and rows[0].claim.id == selector:
        return detail(rows[0])
    return render(rows, format)


def write_plan(selector: str | None, store: Store, folder: Path | None, plan_file: Path | None) -> str:
    """Fix the tolerances of the chosen claims, and say which; errors are those of `verify`."""
    claims = chosen(load(folder), selector)
    file = plan_file or store.folder / tolerances.FILE
    ran = planned_cells_that_ran(claims, Runs(store)) if store.folder.is_dir() else set()
    written = tolerances.write(file, claims, ran)
    if not written.added and not written.kept:
        raise UsageError("There is no tolerance to fix: no chosen claim has a cell that has not run yet.")
    lines = [f"{len(written.added)} tolerances fixed in {file}, {len(written.kept)} kept (sha256 {written.digest})."]
    if written.ran:
        lines += [f"Left out, since they ran already: {', '.join(written.ran)}"]
    if written.without:
        lines += [f"Left out, since n_test is not known and no delta given: {', '.join(written.without)}"]
    return "\n".join(lines)


def suites_for(
    selectors: list[str], overrides: list[str], weights: Path | None = None, folder: Path | None = None
) -> list[Suite]:
    """The suites that ``bench run --claims PAPER[:TABLE]`` runs: one for each cell that the claims name.

    Args:
        weights: The weights folder, which may name backbones.
        folder: Further CSVs of claims.

    Raises:
        UsageError: A selector or an override is wrong, or no claim has a cell.
    """
    papers = load(folder)
    claims: list[Claim] = [claim for selector in selectors for claim in chosen(papers, selector)]
    replaced = dict(parse_override(text) for text in overrides)
    return [
        from_variables(name, "", variables, replaced, weights)
        for name, variables in required_runs.suites(claims).items()
    ]
