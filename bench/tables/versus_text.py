"""Two rows against each other, in words: means, the difference, the verdict and what it would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core.text import columns
from bench.stats import Comparison
from bench.tables.resolution import difference_words, shared_words, units_of
from bench.tables.rows import distinct_titles

if TYPE_CHECKING:
    from bench.tables.versus import Versus


def text(found: Versus) -> str:
    """All of it."""
    return "\n".join([*headline(found), *parts(found), *items(found)])


def headline(found: Versus) -> list[str]:
    """Means, difference, verdict and what it would take."""
    pair, metric = found.pair, found.metric
    scale, unit = (100, "points") if metric.unit == "%" else (1, metric.unit)
    units, digits = units_of(pair), metric.decimals
    means = [[label, f"{scale * mean:.{digits}f} {metric.unit}"] for label, mean in zip("AB", pair.means, strict=True)]
    means = [[label, text, key] for (label, text), key in zip(means, distinct_titles(found.a, found.b), strict=True)]
    holds = "for new items and new seeds" if pair.scope == "methods" else "for these trained models, not the methods"
    ends = f"[{scale * pair.low:+.{digits}f}, {scale * pair.high:+.{digits}f}]"
    recipe = f", recipe {found.a.recipe}" if found.a.recipe == found.b.recipe else ""
    lines = [
        f"{metric.name} on {found.a.dataset} ({found.a.protocol}){recipe}: {pair.items:,} items"
        + (f" in {pair.units:,} groups" if units == "groups" else "") + f", {shared_words(pair)}",
        columns(means),
        "",
        f"  A less B: {scale * pair.difference:+.{digits}f} {unit} {ends}, {pair.test}, p = {pair.p:.4f}",
        *_of_other_seeds(found),
        *_in_company(found),
        f"  verdict: {pair.verdict}, {holds}",
        f"  smallest true difference found in four of five such comparisons: {difference_words(metric, pair.mde)}",
        f"  standard deviations of a difference: {_deviations(pair, scale, digits)}",
    ]  # fmt: skip
    if not pair.different:
        lines.append(f"  to separate a difference as large as this one: {pair.budget().text(units)}")
    ahead = found.ahead
    share = f"{100 * ahead.share:.0f} % [{100 * ahead.low:.0f}, {100 * ahead.high:.0f}]"
    return [*lines, f"  A was ahead in {share} of {ahead.runs} paired runs (a description, not a test)"]


def _of_other_seeds(found: Versus) -> list[str]:
    """Where a table's means are over more seeds than the pair's."""
    if max(found.seeds) == found.pair.seeds:
        return []
    told = " and ".join(f"{label} has {count}" for label, count in zip("AB", found.seeds, strict=True))
    return [f"  means and difference are over the {found.pair.seeds} seeds that both have; in all, {told}"]


def _in_company(found: Versus) -> list[str]:
    """What the other rows of the group change."""
    pair, number = found.pair, found.rows * (found.rows - 1) // 2
    if found.rows == 2:
        return []
    return [f"  among the {found.rows} rows of their group: p = {pair.adjusted:.4f} by Holm over {number} pairs"]


def _deviations(pair: Comparison, scale: int, digits: int) -> str:
    budget = pair.budget()
    between = [("between " + units_of(pair), budget.unit_sd), ("between seeds", budget.seed_sd)]
    return ", ".join(f"{scale * sd:.{digits}f} {what}" for what, sd in [*between, ("rest", budget.residual_sd)])


def parts(found: Versus) -> list[str]:
    """By class and by domain."""
    lines = []
    for heading, rows in found.parts.items():
        body = [
            [part.name, f"{part.a:.3f}", f"{part.b:.3f}", f"{part.a - part.b:+.3f}", f"{part.items:,}"] for part in rows
        ]
        lines += [
            "",
            f"  by {heading} (mean scores)",
            columns([[heading, "A", "B", "A - B", "items"], *body], indent=4),
        ]
    return lines


def items(found: Versus) -> list[str]:
    """Where they disagree most."""
    if not found.metric.per_item:
        name = found.metric.name
        return ["", f"  {name} has no value for a single item: nothing by class, by domain or by item. See --metric."]
    if not found.items:
        return ["", "  They agree on every item."]
    body = [[item, f"{a:.2f}", f"{b:.2f}"] for item, a, b in found.items]
    most = f" on most, {len(found.items)} of" if found.disagreements > len(found.items) else " on,"
    heading = f"  items they disagree{most} {found.disagreements} (mean score over runs)"
    return ["", heading, columns([["item", "A", "B"], *body], indent=4)]
