"""Verdicts on a published number v, given our mean m over S seeds and a tolerance that was fixed beforehand.

With d = m - v, the seed variance s^2 and half a printed unit h:

1. *not comparable*: an identity field differs, and is named. *not run*: there are fewer than three seeds.
2. *reproduced*: |d| + t.95 s / sqrt(S) <= delta: two one-sided tests for equivalence within the tolerance.
3. *contradicted*: |d| > t.975 sqrt(V) + h and |d| > delta, where V = s^2 (1 + 1/S) is the variance of the difference to
   *one* further run, plus twice the item variance p(1-p)/n where the test samples are not the same. This is a
   prediction interval: it says whether the published number could have been one of our runs.
4. *within noise*: neither; with the number of seeds that would decide.

V has a seed part with S - 1 degrees of freedom and an item part that is as good as known; the quantile has the
Welch-Satterthwaite degrees of freedom of both.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from scipy.special import stdtr, stdtrit

from bench import stats
from bench.claims.our_results import Ours, differing
from bench.claims.schema import COUNTED, Claim

Verdict = Literal["reproduced", "within noise", "contradicted", "not comparable", "not run"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
FEWEST_SEEDS = 3
MOST_SEEDS = 1000  # more are not proposed
ALPHA = 0.05
DISCORDANCE = 0.10  # share of test samples on which two runs are assumed to disagree, before any run
COUNT_TOLERANCE = 0.01  # of parameters and operations, whose counting rules differ


@dataclass(frozen=True)
class Judgement:
    """A verdict with the numbers behind it; all of them in the unit of records (fractions, counts).

    Attributes:
        reason: Why, in words.
        difference: Ours less the published number.
        width: What chance explains of the difference; beyond it the claim is contradicted.
        delta: The tolerance.
        seeds_needed: Seeds that would decide if mean and variance stay; None: no number suffices, or not needed.
        p: Two-sided p of the published number being one further run of ours.
    """

    verdict: Verdict
    reason: str
    seeds: int = 0
    mean: float | None = None
    difference: float | None = None
    width: float | None = None
    delta: float | None = None
    seeds_needed: int | None = None
    p: float | None = None


def planning_mde(claim: Claim) -> float | None:
    """The tolerance to plan with: the smallest difference that runs on n test samples can find.

    (z.975 + z.80) sqrt(discordance / n) for a proportion, one hundredth of a count; None where n is not known.
    """
    if claim.delta is not None:
        return float(claim.delta) * float(claim.factor)
    if claim.number is None:
        return None
    if claim.definition in COUNTED:
        return COUNT_TOLERANCE * published(claim)
    if claim.n_test is None:
        return None
    mde = stats.planning_mde(claim.n_test, DISCORDANCE)
    return round(mde, 6)  # the same on every machine, for plans are compared


def published(claim: Claim) -> float:
    """The printed number in the unit of records."""
    assert claim.number is not None
    return float(claim.number.value * claim.factor)


def judge(claim: Claim, expected: Mapping[str, str], ours: Ours | None, delta: float | None = None) -> Judgement:
    """The verdict on one claim.

    Args:
        expected: The identity that the claim asks for.
        ours: The nearest runs there are.
        delta: The tolerance, in the unit of records; default: `planning_mde`.
    """
    delta = planning_mde(claim) if delta is None else delta
    if claim.number is None:
        return Judgement("not comparable", f"the source has no number here ({claim.value})", delta=delta)
    if ours is None or not ours.values:
        return Judgement("not run", "no runs" if claim.cell else "nothing here produces it", delta=delta)
    seen = Judgement("not run", "", ours.seeds, ours.mean, ours.mean - published(claim), delta=delta)
    if problems := differing(expected, ours.identity):
        return replace(seen, verdict="not comparable", reason="; ".join(problems))
    if delta is None:
        return replace(seen, verdict="not comparable", reason="no tolerance: n_test is not known; give a delta")
    if ours.deterministic:
        return _counted(claim, seen, delta)
    if ours.seeds < FEWEST_SEEDS:
        return replace(seen, reason=f"{ours.seeds} of at least {FEWEST_SEEDS} seeds")
    judged = _tested(claim, ours, seen, delta)
    if ours.seeds < claim.planned_seeds:
        return replace(judged, reason=f"{judged.reason} ({ours.seeds} of {claim.planned_seeds} planned seeds)")
    return judged


def _counted(claim: Claim, seen: Judgement, delta: float) -> Judgement:
    """A count has no noise: within the tolerance or not."""
    assert seen.difference is not None
    half = _half_unit(claim)
    within = abs(seen.difference) <= max(delta, half)
    reason = f"a count, {'within' if within else 'beyond'} the tolerance"
    return replace(seen, verdict="reproduced" if within else "contradicted", reason=reason, width=half, p=float(within))


def _tested(claim: Claim, ours: Ours, seen: Judgement, delta: float) -> Judgement:
    assert seen.difference is not None
    distance, half = abs(seen.difference), _half_unit(claim)
    seeds, items = ours.variance, _item_variance(claim, ours)
    width = chance(seeds, items, ours.seeds) + half
    seen = replace(seen, width=width, p=_p(max(0.0, distance - half), seeds, items, ours.seeds))
    if distance + _upper(seeds, ours.seeds) <= delta:
        return replace(seen, verdict="reproduced", reason="the mean is within the tolerance, with its uncertainty")
    if distance > width and distance > delta:
        return replace(seen, verdict="contradicted", reason="further away than chance and the tolerance explain")
    needed = _seeds_needed(distance, seeds, items, half, delta, ours.seeds)
    decides = "no number of seeds would decide" if needed is None else f"{needed} seeds would decide"
    return replace(seen, verdict="within noise", reason=f"{decides}, if mean and spread stay", seeds_needed=needed)


def chance(seeds: float, items: float, count: int, alpha: float = ALPHA) -> float:
    """Half-width of the prediction interval for one further run, without rounding.

    Args:
        seeds: Variance over seeds.
        items: Variance over test items of the difference; 0 when the test samples are the same.
        count: Number of seeds.
    """
    variance, freedom = _variance(seeds, items, count)
    return float(stdtrit(freedom, 1 - alpha / 2)) * math.sqrt(variance)


def strict(claims: Sequence[Claim], judgements: Mapping[str, Judgement], alpha: float = ALPHA) -> dict[str, Judgement]:
    """Verdicts with Holm's correction over the claims of each paper.

    A contradiction whose corrected p is not below ``alpha`` becomes *within noise*: among many claims the odd one is
    far away by chance.
    """
    corrected: dict[str, float] = {}
    for paper in {claim.paper for claim in claims}:
        own = {c.id: p for c in claims if c.paper == paper and (p := judgements[c.id].p) is not None}
        corrected |= dict(zip(own, stats.holm(np.array(list(own.values()))).tolist(), strict=True))
    return {name: _corrected(judgement, corrected.get(name), alpha) for name, judgement in judgements.items()}


def _corrected(judgement: Judgement, p: float | None, alpha: float) -> Judgement:
    if p is None:
        return judgement
    if judgement.verdict == "contradicted" and p >= alpha:
        reason = f"contradicted alone, but not among all claims of the paper (Holm p {p:.3f})"
        return replace(judgement, verdict="within noise", reason=reason, p=p)
    return replace(judgement, p=p)


def _variance(seeds: float, items: float, count: int) -> tuple[float, float]:
    """Variance of the difference to one further run, and its degrees of freedom."""
    spread = seeds * (1 + 1 / count)
    freedom = math.inf if spread == 0 else (spread + items) ** 2 / (spread**2 / (count - 1))
    return spread + items, freedom


def _item_variance(claim: Claim, ours: Ours) -> float:
    """Of the difference of two runs on different test samples: that of one run, twice."""
    if ours.identical_split:
        return 0.0
    if ours.item_variance is not None:
        return 2 * ours.item_variance
    n = ours.n_test or claim.n_test
    return 2 * ours.mean * (1 - ours.mean) / n if n else 0.0


def _upper(seeds: float, count: int) -> float:
    """Half-width of the 90 % interval of the mean: two one-sided tests at 5 %."""
    return float(stdtrit(count - 1, 1 - ALPHA)) * math.sqrt(seeds / count)


def _p(distance: float, seeds: float, items: float, count: int) -> float:
    variance, freedom = _variance(seeds, items, count)
    if variance == 0:
        return float(distance == 0)
    return float(2 * stdtr(min(freedom, 1e9), -distance / math.sqrt(variance)))


def _seeds_needed(distance: float, seeds: float, items: float, half: float, delta: float, present: int) -> int | None:
    """The smallest number of seeds at which the rules would decide, if mean and variance stay as they are.

    More seeds only narrow both intervals, so bisection finds it.
    """

    def undecided(count: int) -> bool:
        equivalent = distance + _upper(seeds, count) <= delta
        return not (equivalent or (distance > delta and distance > chance(seeds, items, count) + half))

    counts = range(present + 1, MOST_SEEDS + 1)
    place = bisect_left(counts, True, key=lambda count: not undecided(count))
    return counts[place] if place < len(counts) else None


def _half_unit(claim: Claim) -> float:
    assert claim.number is not None
    return float(claim.number.step * claim.factor) / 2
