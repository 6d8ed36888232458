"""Several labels a sample: metrics against scikit-learn, item scores against leaving out each sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from bench.core.errors import NonFiniteLoss
from bench.stats.pseudo import jackknife
from bench.tasks.multilabel import Multilabel

TASK = Multilabel()
Split = tuple[np.ndarray, dict[str, np.ndarray]]


@st.composite
def splits(draw: st.DrawFn) -> Split:
    """Labels and logits; every label is there twice or more and lacks twice or more; some scores are equal."""
    labels, n, seed = draw(st.integers(2, 4)), draw(st.integers(6, 40)), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    there = rng.integers(0, 2, (n, labels)).astype(np.float32)
    there[:3], there[3:6] = 1, 0
    return there, {"logits": np.round(rng.normal(size=(n, labels)), draw(st.integers(0, 5))).astype(np.float32)}


@given(splits())
def test_metrics_equal_scikit_learn(split: Split) -> None:
    there, outputs = split
    logits = outputs["logits"].astype(float)
    predicted, shares, found = logits > 0, 1 / (1 + np.exp(-logits)), TASK.evaluate(there, outputs)
    losses = [sk.log_loss(there[:, label], shares[:, label], labels=[0, 1]) for label in range(there.shape[1])]
    expected = {
        "map": sk.average_precision_score(there, logits, average="macro"),
        "auc": sk.roc_auc_score(there, logits, average="macro"),
        "macro_f1": sk.f1_score(there, predicted, average="macro", zero_division=0),
        "label_accuracy": 1 - sk.hamming_loss(there, predicted),
        "exact_match": sk.accuracy_score(there, predicted),
        "nll": np.mean(losses),
    }
    assert found.keys() == expected.keys() == {metric.name for metric in TASK.metrics}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


@given(splits())
@settings(max_examples=30)
def test_item_scores_are_those_of_leaving_out_each_sample(split: Split) -> None:
    there, outputs = split
    for metric in TASK.metrics:
        found = TASK.item_scores(there, outputs, metric.name)
        assert found.mean() == pytest.approx(TASK.evaluate(there, outputs)[metric.name]), metric.name
        if not metric.per_item:
            expected = jackknife(
                lambda t, x, n=metric.name: TASK.evaluate(t, {"logits": x})[n], there, outputs["logits"]
            )
            np.testing.assert_allclose(found, expected, atol=1e-8, err_msg=metric.name)


def test_labels_that_no_sample_has_are_not_averaged_over() -> None:
    there = np.array([[1, 0], [0, 0], [1, 0], [0, 0]], dtype=np.float32)
    logits = np.array([[1, 1], [-1, 2], [2, 3], [-3, 1]], dtype=np.float32)
    found = TASK.evaluate(there, {"logits": logits})
    assert (found["map"], found["auc"], found["macro_f1"]) == (1, 1, 1)
    assert np.isfinite(TASK.item_scores(there, {"logits": logits}, "map")).all()
    nothing = np.zeros_like(there)
    assert np.isnan(TASK.evaluate(nothing, {"logits": logits})["map"])
    assert np.isnan(TASK.item_scores(nothing, {"logits": logits}, "auc")).all()


def test_diverged_logits_are_no_prediction() -> None:
    with pytest.raises(NonFiniteLoss):
        TASK.evaluate(np.ones((1, 1)), {"logits": np.array([[np.nan]])})
