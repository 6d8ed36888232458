"""`bench submit`: results from outside."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from bench.core.text import as_json


def check(folder: Path, results: Path | None, json: bool) -> bool:
    """Print what was found; return whether nothing speaks against taking the folder in.

    Raises:
        UsageError: There is no such folder, or it holds no records.
    """
    from bench.pages.submission import check as checked

    found = checked(folder, results)
    if json:
        print(as_json({**asdict(found), "accepted": found.accepted}))
        return found.accepted
    for finding in found.findings:
        print(f"{finding.level}: {finding.cell}: {finding.kind}: {finding.text}")
    verdict = "accepted" if found.accepted else "not accepted"
    print(f"{verdict}: {found.records} records, {found.metrics} metrics recomputed, {len(found.findings)} findings")
    return found.accepted


def add(folder: Path, results: Path, by: str) -> str:
    """Take a submission in and say what was taken; errors are those of `bench.pages.submission.take_in`."""
    from bench.pages.submission import take_in

    taken = take_in(folder, results, by)
    return f"{len(taken)} records taken into {results}, marked as submitted by {by}."


def review(status: str, filter: str, results: Path, by: str) -> str:
    """Set the review status of the chosen records; errors are those of `bench.records.review_status.advance`."""
    from bench.pages.submission import set_status
    from bench.records import Store
    from bench.tables.filters import select

    cells = set_status(results, select(Store(results).all(), filter), status, by)
    return "\n".join([*cells, f"{len(cells)} records set to {status} by {by}."])
