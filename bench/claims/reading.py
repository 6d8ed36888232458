"""All claims of a results folder, judged: what `bench verify`, `bench plot claims` and the report show."""

from __future__ import annotations

from pathlib import Path

from bench.claims import tolerances
from bench.claims.binding import Runs
from bench.claims.published import chosen, load
from bench.claims.verification import Row, verify
from bench.core.commands import command
from bench.core.errors import UsageError
from bench.records import Store


def judged(
    store: Store,
    selector: str | None = None,
    folder: Path | None = None,
    plan_file: Path | None = None,
    strict: bool = False,
) -> list[Row]:
    """Rows of the chosen claims.

    Args:
        selector: ``PAPER``, ``PAPER:TABLE`` or a claim's id; None: all claims.
        folder: Further CSVs of claims.
        plan_file: Default: `tolerances.FILE` in the results folder.
        strict: Correct for many claims.

    Raises:
        UsageError: The selector, a CSV or the plan is wrong.
    """
    papers = load(folder)
    claims = chosen(papers, selector)
    runs = Runs(store) if store.folder.is_dir() else None
    return verify(papers, claims, runs, plan(store.folder, plan_file), strict)


def plan(results: Path, plan_file: Path | None) -> tolerances.Plan:
    """The tolerances fixed beforehand; empty where there is no plan.

    Raises:
        UsageError: The plan that was named is not there.
    """
    if plan_file is not None and not plan_file.is_file():
        write = command("verify", "--plan", "--plan-file", plan_file, results=results)
        raise UsageError(f"There is no plan {plan_file}. `{write}` writes one.")
    file = plan_file or results / tolerances.FILE
    return tolerances.read(file) if file.exists() else {}
