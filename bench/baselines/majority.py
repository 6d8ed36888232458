"""Trivial baseline: always predict the training split's class frequencies, or its mean."""

from __future__ import annotations

import numpy as np

from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec


class Majority(FeatureMethod):
    """Trivial baseline: the most frequent training class, with the class frequencies as probabilities.

    Of several labels each one's own frequency, of a number to be predicted the training samples' mean.
    """

    title = "Majority class"
    vectors = True
    trivial_baseline = 1

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        scores = _scores(train.y, spec).astype(np.float32)
        return Fitted(predict=lambda x: np.tile(scores, (len(x), 1)))


def _scores(y: np.ndarray, spec: HeadSpec) -> np.ndarray:
    """(outputs,), the same for every sample."""
    if spec.outputs_are == "values":
        return np.asarray(y.mean(0))
    if spec.outputs_are == "labels":  # a pseudo-count of each kind keeps the log finite
        return np.log(y.sum(0) + 1.0) - np.log((1 - y).sum(0) + 1.0)
    # one pseudo-count a class keeps the log finite for outputs that a small split lacks
    return np.log(np.bincount(y, minlength=spec.outputs) + 1.0)
