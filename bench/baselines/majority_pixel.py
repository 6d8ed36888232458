"""Trivial baseline of semantic segmentation: the training pixels' class frequencies, everywhere."""

from __future__ import annotations

import numpy as np

from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec

IGNORED = 255


class MajorityPixel(FeatureMethod):
    """Trivial baseline: every pixel gets the most frequent class of the training pixels, mostly the background."""

    title = "Majority class of each pixel"
    tasks = ("segmentation",)
    trivial_baseline = 1

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        counts = np.bincount(train.y.ravel(), minlength=IGNORED + 1)[: spec.outputs]
        scores = np.log(counts + 1.0).astype(np.float32).reshape(1, -1, 1, 1)  # a pseudo-count keeps the log finite
        return Fitted(predict=lambda x: np.tile(scores, (len(x), 1, 1, 1)))
