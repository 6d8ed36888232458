"""Rows that stand digit for digit in the tables of two papers: one of them was copied, not measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench.claims.findings import Finding
from bench.claims.k_of_n import Findings
from bench.claims.schema import Claim

ENOUGH = 5  # equal numbers in fewer cells may be chance
ASSUMPTION = f"two measurements do not agree digit for digit in {ENOUGH} or more cells, without one that differs"
Place = tuple[str, str, str]  # data set, protocol, metric
Row = dict[Place, Claim]


def examine(claims: Sequence[Claim], beside: Iterable[Claim]) -> Findings:
    """The rule for every row of some claims against the rows of other papers.

    Args:
        beside: Claims of any papers.
    """
    others = rows(beside)
    for (paper, _, method), row in rows(claims).items():
        for (other_paper, table, other_method), other in others.items():
            if paper != other_paper and is_copy(row, other):
                named = f"{other_paper}:{table} {other_method}"
                text = f"{method} equals {named} digit for digit in all {len(row.keys() & other.keys())} common cells"
                for place in row.keys() & other.keys():
                    yield row[place].id, Finding("copied", "note", text, ASSUMPTION, f"copied: equals {other_paper}")


def rows(claims: Iterable[Claim]) -> dict[tuple[str, str, str], Row]:
    """(paper, table, method) -> its measured numbers."""
    found: dict[tuple[str, str, str], Row] = defaultdict(dict)
    for claim in claims:
        if claim.number is not None and claim.kind and not claim.aggregation:
            found[claim.paper, claim.table, claim.method][claim.dataset, claim.protocol, claim.metric] = claim
    return {name: row for name, row in found.items() if len(row) >= ENOUGH}


def is_copy(row: Row, other: Row) -> bool:
    """Whether two rows share enough cells and print the same digits in each of them."""
    common = row.keys() & other.keys()
    return len(common) >= ENOUGH and all(row[place].value == other[place].value for place in common)
