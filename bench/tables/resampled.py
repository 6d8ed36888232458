"""Rows whose runs have different test samples, because the data seed draws the splits anew.

Such runs share most of their training samples, so that their spread is too small: intervals and differences are those
of the corrected resampled t test (`bench.stats.folds`), over splits, the seeds of one split averaged first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from bench.records import Record
from bench.stats import Row as Estimate
from bench.stats import StatisticsError, over_folds
from bench.stats.holm import holm
from bench.stats.mde import ALPHA
from bench.tables.rows import Key, distinct_titles, stage_of
from bench.tasks.base import Metric

COVERS = "resampled splits"


def redrawn(records: Sequence[Record], key: Key, split: str) -> bool:
    """Whether finished runs of a row were judged on different samples."""
    ids = {stage_of(r, key.stage).items.get(split, {}).get("ids") for r in records if r.status == "done"}
    return len(ids) > 1


def by_split(records: Sequence[Record], key: Key, metric: Metric, split: str) -> dict[int, float]:
    """Data seed -> the metric, averaged over its runs; a value that is undefined is left out with its split."""
    found: dict[int, list[float | None]] = defaultdict(list)
    for record in records:
        if record.status == "done":
            found[record.data_seed].append(stage_of(record, key.stage).metrics.get(split, {}).get(metric.name))
    known = {seed: [value for value in values if value is not None] for seed, values in found.items()}
    return {seed: float(np.mean(values)) for seed, values in known.items() if len(values) == len(found[seed])}


def estimate(records: Sequence[Record], key: Key, metric: Metric, split: str) -> Estimate | None:
    """Mean over splits with its interval; None where there are fewer than two or their sizes are not known."""
    values = list(by_split(records, key, metric, split).values())
    try:
        folds = over_folds(np.array(values), _share(records, split))
    except StatisticsError:
        return None
    varies = folds.high > folds.low  # equal values say nothing of how far new ones would lie apart
    low, high = (max(metric.low, folds.low), min(metric.high, folds.high)) if varies else (None, None)
    return Estimate(folds.mean, low, high, COVERS, min(values), max(values), folds.folds)


def difference(
    groups: Mapping[Key, Sequence[Record]], a: Key, b: Key, metric: Metric, split: str
) -> str:  # fmt: skip
    """A against B over the splits that both have, in a sentence; empty where there are fewer than two."""
    of_a, of_b = (by_split(groups[key], key, metric, split) for key in (a, b))
    both = sorted(of_a.keys() & of_b.keys())
    try:
        found = over_folds(np.array([of_a[seed] - of_b[seed] for seed in both]), _share(groups[a], split))
    except StatisticsError:
        return ""
    scale, unit = (100, "points") if metric.unit == "%" else (1, metric.unit)
    ends = f"[{scale * found.low:+.1f}, {scale * found.high:+.1f}]"
    verdict = "different" if found.p < 0.05 else "no significant difference"
    one, other = distinct_titles(a, b)
    return (
        f"{one} less {other}, over {found.folds} splits: "
        f"{scale * found.mean:+.1f} {ends} {unit} of {metric.name}, {verdict} "
        f"(corrected resampled t, p = {found.p:.3f})"
    )


def notes(rows: Mapping[Key, float], groups: Mapping[Key, Sequence[Record]], metric: Metric, split: str) -> list[str]:
    """The best row against the next, and so on down the first three.

    Args:
        rows: Rows of one group on redrawn splits, with their means.
    """
    order = sorted(rows, key=lambda key: -rows[key] if metric.higher_is_better else rows[key])[:3]
    return [text for a, b in pairwise(order) if (text := difference(groups, a, b, metric, split))]


def against_best(
    groups: Mapping[Key, Sequence[Record]], keys: Sequence[Key], metric: Metric, split: str
) -> dict[Key, bool]:
    """Whether each row differs from the one with the best mean: corrected resampled t, Holm over these comparisons.

    Returns:
        The best row first; rows that share fewer than two splits with it are left out.
    """
    scores = {key: by_split(groups[key], key, metric, split) for key in keys}
    means = {key: float(np.mean(list(found.values()))) for key, found in scores.items() if found}
    if not means:
        return {}
    best = (max if metric.higher_is_better else min)(means, key=lambda key: means[key])
    p: dict[Key, float] = {}
    for key in [key for key in means if key != best]:
        both = sorted(scores[best].keys() & scores[key].keys())
        if len(both) > 1:
            gaps = np.array([scores[best][seed] - scores[key][seed] for seed in both])
            p[key] = over_folds(gaps, _share(groups[best], split)).p
    adjusted = holm(np.array(list(p.values()))) if p else np.empty(0)
    return {best: False, **dict(zip(p, (adjusted < ALPHA).tolist(), strict=True))}


def _share(records: Sequence[Record], split: str) -> float:
    """n_test / n_train, of the first run; 0 where it is not known."""
    counts = next((record.n for record in records if record.status == "done"), {})
    return counts.get(split, 0) / counts["train"] if counts.get("train") else 0.0
