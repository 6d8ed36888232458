"""Cross-validation, whose training sets overlap: the corrected resampled t test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.stats.errors import StatisticsError
from bench.stats.quantiles import half_width, p_value

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Folds:
    """Mean difference over folds with its interval and two-sided p."""

    mean: float
    low: float
    high: float
    p: float
    folds: int


def over_folds(differences: Array, test_share: float, level: float = 0.95) -> Folds:
    """Test and interval of a mean over folds (Nadeau and Bengio, Machine Learning 2003, section 3).

    Models of two folds share most of their training items, so fold results are correlated and their plain variance is
    too small: it is multiplied by 1/J + n_test/n_train.

    Args:
        differences: (J,) A less B in each fold, or a single method's scores; seeds of a fold averaged first.
        test_share: n_test / n_train; 1/9 in ten-fold cross-validation.

    Raises:
        StatisticsError: Fewer than two folds, or a share that is not positive.
    """
    values = np.asarray(differences, float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all() or test_share <= 0:
        raise StatisticsError("Cross-validation needs two folds or more, finite scores, and n_test / n_train above 0.")
    mean, freedom = float(values.mean()), (len(values) - 1.0, np.asarray(1.0))
    parts = (np.asarray((1 / len(values) + test_share) * values.var(ddof=1)), np.asarray(0.0))
    half = float(half_width(parts, freedom, level))
    return Folds(mean, mean - half, mean + half, float(p_value(np.asarray(mean), parts, freedom)), len(values))
