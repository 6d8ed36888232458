"""Ridge regression on frozen features: every strength from one eigendecomposition."""

from __future__ import annotations

import numpy as np
from pydantic import Field, PositiveFloat

from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec


class Ridge(FeatureMethod):
    """Ridge regression to one-hot labels on the frozen pooled features, the intercept not penalised.

    Of several labels to 1 and -1 each, of numbers to themselves; the strength then has the smallest squared error.
    With ``Xc = X - mean`` and ``Xc'Xc = V diag(s) V'`` all strengths share V. Without validation data the choice is by
    leave-one-out predictions, which follow in closed form from the hat matrix of the same decomposition.
    """

    title = "Ridge regression"
    vectors = True

    strengths: tuple[PositiveFloat, ...] = Field(
        tuple(10.0**e for e in range(-6, 4)), min_length=1, description="tried, times the mean eigenvalue of X'X"
    )

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        x, targets = train.x.astype(np.float64), _targets(train.y, spec)
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

        scores = [_score(*held_out(strength), spec) for strength in lambdas]
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


def _targets(y: np.ndarray, spec: HeadSpec) -> np.ndarray:
    """What is regressed to, (n, outputs) float64."""
    if spec.outputs_are == "classes":
        return np.eye(spec.outputs)[y]
    return np.asarray(2.0 * y - 1 if spec.outputs_are == "labels" else y, dtype=np.float64)


def _score(scores: np.ndarray, y: np.ndarray, spec: HeadSpec) -> float:
    """Higher is better: accuracy of classes, less the mean squared error of what else is learned."""
    if spec.outputs_are == "classes":
        return float((scores.argmax(1) == y).mean())
    return -float(((scores - _targets(y, spec)) ** 2).mean())
