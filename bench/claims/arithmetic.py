"""All rules on all claims of a paper."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bench.claims import confusions, copies, derived, families, k_of_n
from bench.claims.findings import Finding
from bench.claims.schema import Claim

RULES = (k_of_n, confusions, derived, families)


def examine(claims: Iterable[Claim], beside: Iterable[Claim] = ()) -> dict[str, list[Finding]]:
    """Claim id -> what arithmetic says of it, without running anything; claims that no rule fits are left out.

    Args:
        claims: Of one or several papers, each paper whole: rules look at tables, and at parts in other tables.
        beside: Of all papers, whose rows may be found again.
    """
    papers: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        papers[claim.paper].append(claim)
    known = tuple(beside)
    findings: dict[str, list[Finding]] = defaultdict(list)
    for own in papers.values():
        for rule in RULES:
            for name, finding in rule.examine(own):
                findings[name].append(finding)
        for name, finding in copies.examine(own, known):
            findings[name].append(finding)
    return dict(findings)
