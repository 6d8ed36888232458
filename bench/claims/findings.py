"""What arithmetic says about a claim, without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "impossible", "untestable", "note"]


@dataclass(frozen=True)
class Finding:
    """One rule applied to one claim.

    Attributes:
        rule: Which rule: `k/n`, `P/R/F1`, ...
        status: `note` is for what is possible but should be known.
        text: What was found, with the numbers.
        assumption: Under which assumption it holds.
        short: A few words for a table's cell.
    """

    rule: str
    status: Status
    text: str
    assumption: str
    short: str


def summary(findings: Sequence[Finding]) -> str:
    """The arithmetic column: what is impossible, notes, provisos; else ok; else untestable; or nothing."""
    told = [f.short for status in ("impossible", "note", "ok") for f in findings if f.status == status]
    if told:
        return "; ".join(dict.fromkeys(short for short in told if short != "ok")) or "ok"
    return "untestable" if findings else ""
