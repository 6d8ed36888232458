"""Which columns of a score matrix are independent runs: seeds, or the data seeds of a crossed grid."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from bench.stats.errors import StatisticsError

Array = np.ndarray[Any, np.dtype[Any]]
Runs = Mapping[str, Sequence[tuple[Hashable, Hashable]]]


def independent(scores: Mapping[str, Array], runs: Runs | None) -> tuple[dict[str, Array], dict[str, list[Hashable]]]:
    """Average away the columns that share a draw, and name those that are left.

    Runs of one data seed share their subset and order, so a grid of seeds x data seeds has as many independent runs
    as it has data seeds, not as many as the grid has places. Where any method ran with several data seeds, columns
    of one data seed are averaged and the data seeds are the runs; else the seeds are.

    Args:
        scores: Method -> (n, S).
        runs: Method -> (seed, data seed) of each column; None when column s of every method is the same run s.

    Returns:
        Method -> (n, runs), and method -> what its columns are called: methods are paired on equal names.

    Raises:
        StatisticsError: Columns and runs do not fit, or a run occurs twice.
    """
    if runs is None:
        return {m: np.asarray(s, float) for m, s in scores.items()}, {
            m: list(range(np.shape(s)[-1])) for m, s in scores.items()
        }
    for method, matrix in scores.items():
        if (
            method not in runs
            or len(runs[method]) != np.shape(matrix)[-1]
            or len(set(runs[method])) < len(runs[method])
        ):
            raise StatisticsError(f"{method}: give one (seed, data seed) for each column of scores, each once.")
    which = 1 if any(len({data for _, data in runs[method]}) > 1 for method in scores) else 0
    found = {m: _averaged(np.asarray(s, float), [run[which] for run in runs[m]]) for m, s in scores.items()}
    return {m: matrix for m, (matrix, _) in found.items()}, {m: labels for m, (_, labels) in found.items()}


def _averaged(scores: Array, labels: list[Hashable]) -> tuple[Array, list[Hashable]]:
    """Mean of the columns of each label, labels in order of appearance."""
    distinct = list(dict.fromkeys(labels))
    if len(distinct) == len(labels):
        return scores, distinct
    belongs = np.array([[label == other for other in distinct] for label in labels], float)
    return scores @ (belongs / belongs.sum(0)), distinct
