"""What a person who ran a suite wants to know first: what was best, and what does not differ significantly from it."""

from __future__ import annotations

from bench.stats import ComparisonGroup
from bench.tables.comparison_groups import Compared
from bench.tables.table import Table

MOST = 5  # rows that a sentence names


def summary(table: Table) -> str:
    """One line for each comparison group of two or more rows, by the headline metric and Holm over all its pairs."""
    return "\n".join(_sentence(block, block.verdicts) for block in table.blocks if block.verdicts is not None)


def _sentence(block: Compared, verdicts: ComparisonGroup) -> str:
    first = block.first
    others = [place for place in verdicts.order if place not in first]
    level = [one for one in others if not all(verdicts.different[best, one] for best in first)]
    tied = [block.label(verdicts.names[one]) for one in level]
    worse = len(others) - len(tied)
    mean = verdicts.means[first[0]] * (100 if block.metric.unit == "%" else 1)
    among = "best" if verdicts.of_methods else "of these trained models, not the methods, best"
    were, it = ("was", "it") if len(first) == 1 else ("were", "them")
    names = _listed([block.label(verdicts.names[best]) for best in first])
    said = f"{block.place.label}: {among} {were} {names}, {block.metric.name} {mean:.1f} {block.metric.unit}"
    if not tied:
        return said.rstrip() + ("; every other row was found worse." if others else ".")
    if not worse and len(tied) > MOST:
        return f"{said.rstrip()}; none of the {len(tied)} other rows is significantly different from {it}."
    beaten = f", {worse} of {len(others)} were found worse" if worse else ""
    return f"{said.rstrip()}; {_listed(tied)} are not significantly different from {it}{beaten}."


def _listed(names: list[str]) -> str:
    if len(names) > MOST:
        names = [*names[: MOST - 1], f"{len(names) - MOST + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
