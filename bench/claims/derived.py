"""Numbers that are computed from other printed numbers: averages, harmonic means, differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

from bench.claims.confusions import harmonic
from bench.claims.findings import Finding
from bench.claims.k_of_n import Findings
from bench.claims.reported_value import Printed
from bench.claims.schema import Claim

ASSUMPTION = "computed from the printed numbers of the parts, or from what these were rounded or truncated from"
Compute = Callable[..., Fraction]


def examine(claims: Sequence[Claim]) -> Findings:
    """The rule for every claim that names the claims it is made of."""
    by_id = {claim.id: claim for claim in claims}
    for claim in claims:
        parts = [by_id[name].number for name in claim.made_of if name in by_id]
        if claim.number is None or not parts or None in parts or len(parts) != len(claim.made_of):
            continue
        numbers = [part for part in parts if part is not None]
        if claim.aggregation == "difference":
            yield claim.id, difference_finding(claim.number, *numbers)
        else:
            yield claim.id, mean_finding(claim.number, numbers, claim.aggregation)
            yield from ((claim.id, found) for found in weighing(claim, claim.number, by_id))


def mean_finding(printed: Printed, parts: Sequence[Printed], aggregation: str) -> Finding:
    """A mean, or a harmonic mean of two, against its parts; both grow with each part, so ends suffice."""
    compute: Compute = _mean if aggregation == "mean" else harmonic
    low, high = (compute(*(part.range()[end] for part in parts)) for end in (0, 1))
    text = f"the {aggregation} of {len(parts)} parts is {float(low):.3f}..{float(high):.3f}"
    lowest, highest = printed.range()
    if lowest <= high and low <= highest:
        return Finding("parts", "ok", text, ASSUMPTION, "ok")
    return Finding("parts", "impossible", text, ASSUMPTION, f"impossible: not the {aggregation} of its parts")


def weighing(claim: Claim, printed: Printed, by_id: Mapping[str, Claim]) -> Iterator[Finding]:
    """Of a mean over groups of unequal size: what it is when every part weighs alike, and when every group does.

    Groups are the parts' protocols.
    """
    groups: dict[str, list[Printed]] = defaultdict(list)
    for leaf in _leaves(claim, by_id):
        if leaf.number is not None:
            groups[leaf.protocol].append(leaf.number)
    if claim.aggregation != "mean" or len({len(group) for group in groups.values()}) < 2:
        return
    parts = [number for group in groups.values() for number in group]
    alike = _mean(*(part.value for part in parts))
    grouped = _mean(*(_mean(*(part.value for part in group)) for group in groups.values()))
    ways = {f"{len(parts)} parts": alike, f"{len(groups)} groups": grouped}
    kept = min(ways, key=lambda way: abs(ways[way] - printed.value))
    text = ", ".join(f"the mean of {way} is {float(value):.2f}" for way, value in ways.items())
    other = next(f"{way} {float(value):.2f}" for way, value in ways.items() if way != kept)
    yield Finding("weighing", "note", f"{text}; printed is that of {kept}", ASSUMPTION, f"mean of {kept}; of {other}")


def _leaves(claim: Claim, by_id: Mapping[str, Claim]) -> Iterator[Claim]:
    """The claims that a mean is made of in the end."""
    if claim.aggregation != "mean":
        yield claim
    for name in claim.made_of if claim.aggregation == "mean" else ():
        if name in by_id:
            yield from _leaves(by_id[name], by_id)


def difference_finding(printed: Printed, first: Printed, second: Printed) -> Finding:
    """Whether a gain is in points (first - second), relative (of the second), or neither."""
    points, relative = points_between(first, second), relative_gain(first, second)
    text = f"{_span(points)} points, {_span(relative)} % of the second"
    in_points, in_relative = _overlaps(printed, points), _overlaps(printed, relative)
    if in_points and in_relative:
        return Finding("difference", "ok", f"{text}: both fit", ASSUMPTION, "ok, points or relative")
    if in_points:
        return Finding("difference", "ok", f"{text}: absolute points", ASSUMPTION, "ok as absolute points")
    if in_relative:
        text = f"{text}: a relative gain, not a difference in points"
        return Finding("difference", "note", text, ASSUMPTION, "relative gain, not points")
    return Finding("difference", "impossible", text, ASSUMPTION, "impossible: neither points nor relative gain")


def points_between(first: Printed, second: Printed) -> tuple[Fraction, Fraction]:
    """The lowest and the highest difference that two printed numbers allow."""
    (low1, high1), (low2, high2) = first.range(), second.range()
    return low1 - high2, high1 - low2


def relative_gain(first: Printed, second: Printed) -> tuple[Fraction, Fraction]:
    """The lowest and the highest gain over the second number, in per cent of it."""
    (low1, high1), (low2, high2) = first.range(), second.range()
    return 100 * (low1 - high2) / high2, 100 * (high1 - low2) / low2


def _overlaps(printed: Printed, between: tuple[Fraction, Fraction]) -> bool:
    low, high = printed.range()
    return low <= between[1] and between[0] <= high


def _span(between: tuple[Fraction, Fraction]) -> str:
    return f"{float(between[0]):.2f}..{float(between[1]):.2f}"


def _mean(*numbers: Fraction) -> Fraction:
    return sum(numbers, Fraction(0)) / len(numbers)
