"""Trivial baseline: always predict the training split's class frequencies."""

from __future__ import annotations

import numpy as np

from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec


class Majority(FeatureMethod):
    """Trivial baseline: the most frequent training class, with the class frequencies as probabilities."""

    trivial_baseline = 1

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        # one pseudo-count a class keeps the log finite for spec.outputs that a small split lacks
        scores = np.log(np.bincount(train.y, minlength=spec.outputs) + 1.0).astype(np.float32)
        return Fitted(predict=lambda x: np.tile(scores, (len(x), 1)))
