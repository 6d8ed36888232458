"""Trivial baseline: k nearest neighbours in the frozen features."""

from __future__ import annotations

import warnings

import numpy as np
from pydantic import Field, PositiveInt
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec


class KNN(FeatureMethod):
    """Trivial baseline: k nearest neighbours by cosine similarity in the frozen pooled features.

    They vote on classes and on each of several labels; a number to be predicted is their mean.
    """

    title = "kNN"
    vectors = True
    trivial_baseline = 2

    k: PositiveInt = Field(5, description="neighbours that vote")

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        if spec.outputs_are != "classes":
            return self._of_vectors(train, spec)
        with warnings.catch_warnings():  # scikit-learn takes the classes of few shots for the values of a regression
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            model = KNeighborsClassifier(min(self.k, len(train.y)), metric="cosine").fit(train.x, train.y)

        def predict(x: np.ndarray) -> np.ndarray:
            votes = np.zeros((len(x), spec.outputs))
            votes[:, model.classes_] = model.predict_proba(x)
            # one pseudo-vote shared by all classes keeps the log finite
            return np.log((votes * self.k + 1 / spec.outputs) / (self.k + 1)).astype(np.float32)

        return Fitted(predict=predict)

    def _of_vectors(self, train: FeatureSplit, spec: HeadSpec) -> Fitted:
        """Neighbours of samples with several labels, or with numbers."""
        k = min(self.k, len(train.y))
        model = KNeighborsRegressor(k, metric="cosine").fit(train.x, train.y)

        def predict(x: np.ndarray) -> np.ndarray:
            mean = model.predict(x).reshape(len(x), spec.outputs)
            if spec.outputs_are == "values":
                return mean.astype(np.float32)
            share = (mean * k + 0.5) / (k + 1)  # one pseudo-vote, half for and half against
            return np.log(share / (1 - share)).astype(np.float32)

        return Fitted(predict=predict)
