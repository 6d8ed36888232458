"""A ranking as text, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Iterator
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from bench.core.errors import UsageError, nearest
from bench.stats.superiority import wilson
from bench.tables.findings import listed

if TYPE_CHECKING:
    from bench.tables.ranking import Ranking

FORMATS = ("text", "md", "csv", "json")
WIDTH = 100


def render(ranking: Ranking, format: str) -> str:
    """The ranking in a format.

    Raises:
        UsageError: There is no such format.
    """
    if format not in FORMATS:
        raise UsageError(f"No format {format!r}. {nearest(format, FORMATS)}")
    if format == "json":
        return json.dumps(facts(ranking), indent=2)
    if format == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([_head(ranking), *_body(ranking)])
        return out.getvalue().rstrip()
    table = _table(ranking, "github" if format == "md" else "plain")
    if format == "md":
        return "\n".join([f"{heading(ranking)}.", "", table, "", *(f"- {line}" for line in sentences(ranking))])
    told = [line for sentence in sentences(ranking) for line in _wrapped(sentence, "  ")]
    return "\n".join([*_wrapped(heading(ranking)), table, *told])


def heading(ranking: Ranking) -> str:
    """What all data sets share."""
    group = ranking.groups[0]
    backbone = ranking.titles.of("backbone", next(iter(group.members)).backbone).split(",")[0]
    recipe = ranking.titles.of("recipe", group.place.recipe)
    return f"{len(ranking.methods)} methods over {len(ranking.groups)} data sets · {backbone} · recipe {recipe}"


def sentences(ranking: Ranking) -> Iterator[str]:
    """The verdict, what it rests on, and what is not in it."""
    ranks, number = ranking.ranks, len(ranking.groups)
    yield finding(ranking)
    yield (
        f"Mean ranks that differ by {ranks.critical:.2f} or more are significantly different (Nemenyi, alpha "
        f"{ranks.alpha:g}); Friedman's test of all methods together has p = {ranks.friedman:.2g}."
    )
    pairs = len(ranking.methods) * (len(ranking.methods) - 1) // 2
    if ranks.enough:
        found = int((ranks.wilcoxon <= ranks.alpha).sum()) // 2
        yield f"Wilcoxon's signed ranks with Holm's adjustment: {found} of {pairs} pairs are significantly different."
    else:
        yield f"Wilcoxon's signed ranks cannot show any of {pairs} pairs with {number} data sets."
    named = zip(ascii_uppercase, ranking.datasets, ranking.metrics, strict=False)
    yield f"{'; '.join(f'{letter}: {name}, {metric.name}' for letter, name, metric in named)}."
    if ranking.left_out:
        names = [ranking.titles.of("method", method) for method in ranking.left_out]
        yield f"Left out, since not all data sets have them: {listed(names)}."


def finding(ranking: Ranking) -> str:
    """The verdict in one sentence."""
    ranks, names = ranking.ranks, ranking.names
    best, *others = ranks.order
    if ranks.friedman > ranks.alpha:
        return f"No significant difference between the {len(names)} methods (Friedman, p = {ranks.friedman:.2f})."
    level = [names[other] for other in others if not ranks.apart[best, other]]
    worse = len(others) - len(level)
    same = f" No significant difference from {listed(level)}." if level else ""
    return f"Best: {names[best]}.{same} Significantly worse: {worse} of {len(others)} others."


def share(wins: int, ties: int, losses: int) -> tuple[float, float, float]:
    """Wins, a tie counting half, as a share of all comparisons, with Wilson's interval."""
    number = wins + ties + losses
    middle = (wins + ties / 2) / number
    low, high = wilson(middle, 1.96**2 / number)
    return middle, low, high


def facts(ranking: Ranking) -> dict[str, Any]:
    """Everything, for programs."""
    ranks = ranking.ranks
    return {
        "datasets": [{"name": g.place.dataset, "protocol": g.place.protocol, "metric": g.metric.name}
                     for g in ranking.groups],
        "methods": [
            {
                "name": ranking.methods[m], "title": ranking.names[m], "mean_rank": float(ranks.mean[m]),
                "ranks": ranks.ranks[:, m].tolist(), "scores": ranking.scores[:, m].tolist(),
                **dict(zip(("wins", "ties", "losses"), ranking.record(m), strict=True)),
            }
            for m in ranks.order
        ],
        "friedman_p": ranks.friedman, "critical_difference": ranks.critical,
        "wilcoxon_holm_p": ranks.wilcoxon[ranks.order][:, ranks.order].tolist(),
        "left_out": list(ranking.left_out),
    }  # fmt: skip


def _table(ranking: Ranking, format: str) -> str:
    from tabulate import tabulate

    head, body = _head(ranking), _body(ranking)
    align = ["left", *["right"] * (len(head) - 1)]
    return tabulate(body, head, tablefmt=format, colalign=align, disable_numparse=True)


def _head(ranking: Ranking) -> list[str]:
    return ["method", "mean rank", "wins-ties-losses", "won %", *ascii_uppercase[: len(ranking.groups)]]


def _body(ranking: Ranking) -> list[list[str]]:
    return [_line(ranking, method) for method in ranking.ranks.order]


def _line(ranking: Ranking, method: int) -> list[str]:
    record = ranking.record(method)
    won, low, high = (100 * value for value in share(*record))
    scores = [
        f"{abs(score) * 100:.1f}" if metric.unit == "%" else f"{abs(score):.{metric.decimals}f}"
        for score, metric in zip(ranking.scores[:, method], ranking.metrics, strict=True)
    ]
    of = "-".join(map(str, record))
    return [
        ranking.names[method],
        f"{ranking.ranks.mean[method]:.2f}",
        of,
        f"{won:.0f} [{low:.0f}, {high:.0f}]",
        *scores,
    ]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
