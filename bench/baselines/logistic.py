"""Logistic regression on frozen features, fitted by L-BFGS."""

from __future__ import annotations

import warnings

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec


class Logistic(FeatureMethod):
    """Multinomial logistic regression (L-BFGS, L2) on the standardised frozen pooled features."""

    title = "Logistic regression"

    strengths: tuple[PositiveFloat, ...] = Field(
        (1e-4, 1e-3, 1e-2, 1e-1, 1.0), min_length=1, description="L2 strengths tried, relative to the mean loss"
    )
    iterations: PositiveInt = Field(500, description="of L-BFGS, at most")
    folds: PositiveInt = Field(5, ge=2, description="of the inner cross-validation, where there is no validation data")

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        mean, scale = train.x.mean(0), train.x.std(0)
        scale = np.where(scale > 0, scale, 1)
        x = (train.x - mean) / scale

        def score(strength: float) -> float:
            if val is not None:
                return float(self._fit(x, train.y, strength).score((val.x - mean) / scale, val.y))
            return self._cross_validated(x, train.y, strength)

        scores = [score(strength) for strength in self.strengths]
        best = max(range(len(scores)), key=lambda i: (scores[i], self.strengths[i]))  # of equals, the strongest
        model = self._fit(x, train.y, self.strengths[best])
        by = "inner cross-validation" if val is None else "validation"
        return Fitted(
            predict=lambda x: _log_probabilities(model, (x - mean) / scale, spec.outputs),
            parameters=spec.outputs * (train.x.shape[1] + 1),
            chosen={
                "strength": self.strengths[best], "by": by, "score": scores[best],
                "converged": bool(model.n_iter_.max() < self.iterations),
            },
        )  # fmt: skip

    def _fit(self, x: np.ndarray, y: np.ndarray, strength: float) -> LogisticRegression:
        model = LogisticRegression(C=1 / (strength * len(x)), max_iter=self.iterations)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the record says whether it converged
            return model.fit(x, y)

    def _cross_validated(self, x: np.ndarray, y: np.ndarray, strength: float) -> float:
        folds = min(self.folds, int(np.bincount(y)[np.unique(y)].min()))
        if folds < 2:
            return 0.0  # one sample a class: nothing to choose by, the strongest is taken
        splits = StratifiedKFold(folds, shuffle=True, random_state=0).split(x, y)
        return float(np.mean([self._fit(x[a], y[a], strength).score(x[b], y[b]) for a, b in splits]))


def _log_probabilities(model: LogisticRegression, x: np.ndarray, classes: int) -> np.ndarray:
    """(n, classes), no probability below float32's smallest: classes that training lacked, and those of which a
    confident model is so sure that theirs rounds to 0, whose log would be no number."""
    probabilities = np.zeros((len(x), classes))
    probabilities[:, model.classes_] = model.predict_proba(x)
    return np.log(probabilities.clip(min=float(np.finfo(np.float32).tiny))).astype(np.float32)
