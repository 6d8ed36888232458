"""Claims, findings and verdicts side by side: what `bench verify` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.claims.arithmetic import examine
from bench.claims.binding import Runs
from bench.claims.findings import Finding
from bench.claims.identity import expected
from bench.claims.our_results import Ours
from bench.claims.published import Issue, Paper
from bench.claims.schema import Claim
from bench.claims.tolerances import Plan, check, check_order
from bench.claims.verdicts import Judgement, judge, strict


@dataclass(frozen=True)
class Row:
    """One claim with all there is to say about it.

    Attributes:
        planned: Whether its tolerance was fixed in a plan.
    """

    claim: Claim
    findings: tuple[Finding, ...]
    judgement: Judgement
    ours: Ours | None
    issues: tuple[Issue, ...]
    planned: bool


def verify(
    papers: dict[str, Paper], claims: Sequence[Claim], runs: Runs | None, plan: Plan, correct: bool = False
) -> list[Row]:
    """Rows for the claims, in their order.

    Args:
        papers: All papers that the claims are of; rules of arithmetic look at whole papers.
        runs: None: nothing has run.
        plan: Tolerances fixed beforehand; empty without a plan.
        correct: Holm's correction over each paper's claims (``--strict``), also those that are not shown.

    Raises:
        UsageError: A claim differs from its plan, or ran before it.
    """
    judged = list(claims)
    if correct:
        judged = [claim for name in dict.fromkeys(c.paper for c in claims) for claim in papers[name].claims]
    check(plan, judged)
    ours = {claim.id: runs.ours(claim) if runs else None for claim in judged}
    judgements = {claim.id: _judged(claim, ours[claim.id], plan) for claim in judged}
    if correct:
        judgements = strict(judged, judgements)
    whole = [claim for name in {c.paper for c in claims} for claim in papers[name].claims]
    findings = examine(whole, (claim for paper in papers.values() for claim in paper.claims))
    return [
        Row(
            claim,
            tuple(findings.get(claim.id, ())),
            judgements[claim.id],
            ours[claim.id],
            tuple(papers[claim.paper].issues_of(claim)),
            claim.id in plan,
        )
        for claim in claims
    ]


def _judged(claim: Claim, ours: Ours | None, plan: Plan) -> Judgement:
    delta = plan[claim.id].delta if claim.id in plan else None
    judgement = judge(claim, expected(claim), ours, delta)
    if judgement.p is None:
        return judgement  # nothing was tested, so no tolerance was used
    check_order(plan, claim.id, ours.opened if ours else None)
    if claim.id not in plan:
        judgement = replace(judgement, reason=f"{judgement.reason}; tolerance not fixed beforehand")
    return judgement
