"""Published claims with their verdicts, as a page shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bench.claims.reading import judged
from bench.claims.render import facts, in_unit, our_mean
from bench.claims.verdicts import VERDICTS
from bench.claims.verification import Row
from bench.core.errors import UsageError
from bench.pages.cells import Cell, Column, Line, Sheet, number
from bench.plots.chart import Chart
from bench.plots.claims import claims as picture
from bench.records import Store

PLACE = {verdict: place for place, verdict in enumerate(VERDICTS)}


def read(store: Store) -> tuple[list[Row], list[dict[str, Any]]]:
    """All claims judged by the records of a folder, and the same as plain data."""
    rows = judged(store)
    return rows, [facts(row) for row in rows]


def table(rows: Sequence[Row]) -> Sheet:
    """By verdict, those that were run first."""
    columns = (
        Column("claim", "claim"), Column("where", "where", hidden=True), Column("metric", "metric"),
        Column("published", "published", "number"), Column("ours", "ours", "number", "mean over seeds"),
        Column("difference", "difference", "number", "ours less published"), Column("tolerance", "tolerance", "number"),
        Column("verdict", "verdict", "text"), Column("why", "why", "prose"),
        Column("arithmetic", "arithmetic", "text", "whether the number can be what it is said to be"),
        Column("cell", "cell", hidden=True),
    )  # fmt: skip
    order = sorted(rows, key=lambda row: (PLACE[row.judgement.verdict], row.judgement.mean is None, row.claim.id))
    return Sheet("claims", "Published numbers", columns, tuple(_line(row) for row in order))


def _line(row: Row) -> Line:
    claim, judgement = row.claim, row.judgement
    plain = facts(row)
    printed = float(claim.number.value) if claim.number is not None else None
    return Line(
        (
            Cell(claim.id),
            Cell(f"{claim.locator}, {claim.dataset}, {claim.backbone}, {claim.method}"),
            Cell(claim.metric),
            number(printed, claim.value) if printed is not None else Cell(claim.value),
            number(judgement.mean, our_mean(claim, judgement)),
            number(judgement.difference, in_unit(claim, judgement.difference, signed=True)),
            number(judgement.delta, in_unit(claim, judgement.delta)),
            Cell(judgement.verdict, PLACE[judgement.verdict]),
            Cell(judgement.reason),
            Cell(plain["arithmetic"]),
            Cell(claim.cell),
        ),
        judgement.verdict.replace(" ", "-"),
    )


def chart(plain: Sequence[Mapping[str, Any]]) -> Chart | None:
    """Differences by verdict; None where no claim was run."""
    try:
        return picture(plain)
    except UsageError:
        return None


def counts(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Verdict -> number of claims, in the order of the verdicts."""
    found = Counter(row.judgement.verdict for row in rows)
    return [(verdict, found[verdict]) for verdict in VERDICTS]
