"""Ridge and logistic regression against scikit-learn, brute force and the conditions of an optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.model_selection import LeaveOneOut
from torch.nn.functional import cross_entropy

from bench.baselines.logistic import Logistic
from bench.baselines.ridge import Ridge
from bench.conformance.subjects import CLASSES, SPEC, feature_split
from bench.methods import FeatureSplit

TRAIN, VAL, TEST = (feature_split(n, seed) for n, seed in ((40, 0), (30, 1), (50, 2)))

NOISY = FeatureSplit(VAL.x + np.random.default_rng(3).normal(scale=2, size=VAL.x.shape).astype(np.float32), VAL.y)


def sklearn_ridge(train: FeatureSplit, strength: float) -> SklearnRidge:
    return SklearnRidge(alpha=strength, solver="svd").fit(train.x.astype(np.float64), np.eye(CLASSES)[train.y])


@pytest.mark.parametrize("samples", [40, 10])  # more and fewer samples than the 16 features
def test_ridge_equals_scikit_learn(samples: int) -> None:
    train = FeatureSplit(TRAIN.x[:samples], TRAIN.y[:samples])
    for relative in (1e-2, 1.0, 100.0):
        fitted = Ridge(strengths=(relative,)).fit(train, VAL, SPEC)
        assert fitted.chosen is not None
        expected = sklearn_ridge(train, float(fitted.chosen["strength"])).predict(TEST.x)  # type: ignore[arg-type]
        np.testing.assert_allclose(fitted.predict(TEST.x), expected, rtol=1e-4, atol=1e-5)


def test_ridge_strength_is_relative_to_the_mean_eigenvalue() -> None:
    fitted = Ridge(strengths=(0.5,)).fit(TRAIN, VAL, SPEC)
    scale = np.cov(TRAIN.x.T, bias=True).trace() * len(TRAIN.x) / TRAIN.x.shape[1]
    assert fitted.chosen is not None
    assert fitted.chosen["strength"] == pytest.approx(0.5 * scale, rel=1e-5)


def test_ridge_chooses_on_validation_the_strongest_of_the_best() -> None:
    method = Ridge()
    fitted = method.fit(TRAIN, NOISY, SPEC)
    assert fitted.chosen is not None
    unit = float(fitted.chosen["strength"]) / float(fitted.chosen["relative"])  # type: ignore[arg-type]
    scores = [(sklearn_ridge(TRAIN, unit * s).predict(NOISY.x).argmax(1) == NOISY.y).mean() for s in method.strengths]
    best = max(s for s, score in zip(method.strengths, scores, strict=True) if score == max(scores))
    assert (fitted.chosen["relative"], fitted.chosen["by"]) == (best, "validation")
    assert len(set(scores)) > 1


@pytest.mark.parametrize("relative", [1e-3, 0.1, 10.0])
def test_ridge_leave_one_out_equals_refitting(relative: float) -> None:
    fitted = Ridge(strengths=(relative,)).fit(TRAIN, None, SPEC)
    assert fitted.chosen is not None
    strength = float(fitted.chosen["strength"])  # type: ignore[arg-type]
    hits = 0
    for kept, left in LeaveOneOut().split(TRAIN.x):
        model = sklearn_ridge(FeatureSplit(TRAIN.x[kept], TRAIN.y[kept]), strength)
        hits += int(model.predict(TRAIN.x[left]).argmax() == TRAIN.y[left[0]])
    assert fitted.chosen["score"] == pytest.approx(hits / len(TRAIN.x))
    assert fitted.chosen["by"] == "inner cross-validation"


def test_logistic_is_at_the_optimum_of_its_objective() -> None:
    strength = 0.05
    fitted = Logistic(strengths=(strength,), iterations=5000).fit(TRAIN, VAL, SPEC)
    x = torch.tensor((TRAIN.x - TRAIN.x.mean(0)) / TRAIN.x.std(0), dtype=torch.float64)
    labels = torch.tensor(TRAIN.y)
    weight = torch.zeros(CLASSES, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(CLASSES, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=1000, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def objective() -> torch.Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(x @ weight.T + bias, labels) + strength / 2 * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(objective)
    expected = (x @ weight.T + bias).softmax(1).detach().numpy()
    np.testing.assert_allclose(np.exp(fitted.predict(TRAIN.x)), expected, atol=1e-3)


def test_logistic_handles_two_classes_and_single_samples() -> None:
    two = FeatureSplit(TRAIN.x[TRAIN.y < 2], TRAIN.y[TRAIN.y < 2])
    assert (Logistic().fit(two, None, replace(SPEC, outputs=2)).predict(two.x).argmax(1) == two.y).mean() > 0.9
    single = FeatureSplit(TRAIN.x[:CLASSES], TRAIN.y[:CLASSES])
    fitted = Logistic().fit(single, None, SPEC)
    assert fitted.chosen is not None
    assert fitted.chosen["strength"] == max(Logistic().strengths)


def test_logistic_says_when_it_has_not_converged() -> None:
    fitted = Logistic(iterations=1).fit(TRAIN, VAL, SPEC)
    assert fitted.chosen is not None
    assert fitted.chosen["converged"] is False
