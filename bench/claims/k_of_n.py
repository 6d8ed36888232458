"""An accuracy on n test samples is k/n for a whole k, and a mean over m runs is k/(n m).

So a printed accuracy that no k gives cannot come from n samples (the GRIM test of Brown and Heathers, 2017, for shares
instead of means). With n m at or above the number of printable values every value is possible, and nothing is tested.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from bench.claims.findings import Finding
from bench.claims.reported_value import Printed
from bench.claims.schema import Claim

RULE = "k/n"
Findings = Iterator[tuple[str, Finding]]


@dataclass(frozen=True)
class Count:
    """``hits`` of ``total`` samples over ``runs`` runs give the printed number, read in one way.

    Attributes:
        reading: `rounded`, `padded` (rounded, the trailing zeros being no digits of the source) or `truncated`.
    """

    hits: int
    total: int
    runs: int
    reading: str


def counts(printed: Printed, n: int, runs: int, whole: int) -> Iterator[Count]:
    """Every count that gives the printed number as a mean over exactly ``runs`` runs, likelier readings first.

    Args:
        whole: What all samples right would be printed as: 100 for per cent, 1 for a fraction.
    """
    total = n * runs
    unpadded = printed.unpadded()
    yield from (Count(k, total, runs, "rounded") for k in _whole_numbers(printed, total, whole, Printed.rounds_from))
    if unpadded is not None:
        fitting = _whole_numbers(unpadded, total, whole, Printed.rounds_from)
        yield from (Count(k, total, runs, "padded") for k in fitting)
    fitting = _whole_numbers(printed, total, whole, Printed.truncates_from)
    yield from (Count(k, total, runs, "truncated") for k in fitting)


def _whole_numbers(
    printed: Printed, total: int, whole: int, fits: Callable[[Printed, Fraction], bool]
) -> Iterator[int]:
    low, high = printed.range()
    first, last = math.floor((low - printed.step) * total / whole), math.ceil(high * total / whole)
    for k in range(max(0, first), min(total, last) + 1):
        if fits(printed, Fraction(whole * k, total)):
            yield k


def hits(printed: Printed, n: int, whole: int) -> set[int]:
    """All k that a single run on n samples may have had."""
    return {count.hits for count in counts(printed, n, 1, whole)}


def is_testable(printed: Printed, n: int, runs: int, whole: int) -> bool:
    """Whether some value of this many places is no k/(n runs)."""
    return n * runs < whole * 10**printed.decimals


def runs_needed(printed: Printed, n: int, whole: int) -> int:
    """The smallest number of runs on n samples whose mean could be printed so when rounded."""
    runs = 1
    while not any(count.reading == "rounded" for count in counts(printed, n, runs, whole)):
        runs += 1  # ends: with n runs >= whole 10^decimals every value is possible
    return runs


def whole_of(claim: Claim) -> int:
    """100 for a claim in per cent, 1 for a fraction."""
    return 100 if claim.unit == "%" else 1


def examine(claims: Sequence[Claim]) -> Findings:
    """The rule for every accuracy with a known number of test samples."""
    for claim in claims:
        if claim.kind == "accuracy" and claim.number and claim.n_test and not claim.aggregation:
            yield claim.id, _finding(claim, claim.number, claim.n_test, claim.runs or 1)


def _finding(claim: Claim, printed: Printed, n: int, declared: int) -> Finding:
    whole = whole_of(claim)
    assumption = f"{_runs(declared)} on n = {n}, rounded or truncated"
    if claim.cited_from:
        assumption += "; the number is cited from other work, whose n may be another"
    for runs in range(1, declared + 1):
        found = next(counts(printed, n, runs, whole), None)
        if not is_testable(printed, n, runs, whole):
            text = f"every value of {printed.decimals} places is k/{n * runs}"
            return Finding(RULE, "untestable", text, assumption, "untestable")
        if found is not None:
            return _possible(claim, n, declared, assumption, found)
    needed = runs_needed(printed, n, whole)
    text = f"{claim.value} is no k/{n}" + (f" of up to {declared} runs" if declared > 1 else "")
    text += f"; the smallest number of runs whose mean could be {claim.value} is {needed}"
    short = f"impossible as k/{n} of {_runs(declared)} ({needed} runs could)"
    return Finding(RULE, "impossible", text, assumption, short)


def _possible(claim: Claim, n: int, declared: int, assumption: str, found: Count) -> Finding:
    text, short = f"{found.hits}/{found.total}", "ok"
    if found.reading != "rounded":
        text += f", {found.reading}: no k/{found.total} rounds to {claim.value}"
        padded = found.reading == "padded"
        short = "ok if the last 0 is padding" if padded else f"ok only truncated ({found.hits}/{found.total})"
    if found.runs > 1:
        text = f"no k/{n} of one run; {text} is a mean of {found.runs} runs"
        assert claim.number is not None
        if declared > found.runs and (most := next(counts(claim.number, n, declared, whole_of(claim)), None)):
            text += f", {most.hits}/{most.total} of {declared}"
            found = most
        short = f"ok as a mean of {found.runs} ({found.hits}/{found.total}), not of one run"
    return Finding(RULE, "ok", text, assumption, short)


def _runs(number: int) -> str:
    return "one run" if number == 1 else f"1..{number} runs"
