"""Ridge regression on frozen features: every strength from one eigendecomposition."""

from __future__ import annotations

import numpy as np
from pydantic import Field, PositiveFloat

from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec


class Ridge(FeatureMethod):
    """Ridge regression to one-hot labels on the frozen pooled features, the intercept not penalised.

    With ``Xc = X - mean`` and ``Xc'Xc = V diag(s) V'`` all strengths share V. Without validation data the choice is by
    leave-one-out predictions, which follow in closed form from the hat matrix of the same decomposition.
    """

    strengths: tuple[PositiveFloat, ...] = Field(
        tuple(10.0**e for e in range(-6, 4)), min_length=1, description="tried, times the mean eigenvalue of X'X"
    )

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        x, targets = train.x.astype(np.float64), np.eye(spec.outputs)[train.y]
        mean, level = x.mean(0), targets.mean(0)
        values, vectors = np.linalg.eigh((x - mean).T @ (x - mean))
        values = values.clip(min=0)
        rotated = (x - mean) @ vectors
        projected = rotated.T @ (targets - level)
        lambdas = np.array(self.strengths) * max(float(values.mean()), np.finfo(float).tiny)

        def weights(strength: float) -> np.ndarray:
            return vectors @ (projected / (values + strength)[:, None])

        def left_out(strength: float) -> np.ndarray:
            leverage = 1 / len(x) + (rotated**2 / (values + strength)).sum(1)
            return targets - (targets - level - (x - mean) @ weights(strength)) / (1 - leverage).clip(1e-9)[:, None]

        def held_out(strength: float) -> tuple[np.ndarray, np.ndarray]:
            if val is None:
                return left_out(strength), train.y
            return (val.x - mean) @ weights(strength) + level, val.y

        scores = [_accuracy(*held_out(strength)) for strength in lambdas]
        best = max(range(len(scores)), key=lambda i: (scores[i], lambdas[i]))  # of equals, the strongest
        chosen = weights(lambdas[best])
        by = "inner cross-validation" if val is None else "validation"
        return Fitted(
            predict=lambda x: ((x - mean) @ chosen + level).astype(np.float32),
            parameters=chosen.size + spec.outputs,
            chosen={
                "strength": float(lambdas[best]),
                "relative": self.strengths[best],
                "by": by,
                "score": scores[best],
            },
        )


def _accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float((scores.argmax(1) == labels).mean())
