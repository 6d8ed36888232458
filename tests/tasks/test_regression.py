"""A number a sample: metrics against scikit-learn and scipy, item scores, and the unit that everything is told in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics as sk

from bench.core.errors import NonFiniteLoss, UsageError
from bench.plugins.recipe_files import preset
from bench.stats.pseudo import jackknife
from bench.tasks.classification import Classification
from bench.tasks.regression import Regression

TASK = Regression()
Split = tuple[np.ndarray, dict[str, np.ndarray]]


@st.composite
def splits(draw: st.DrawFn) -> Split:
    """Truths and predictions in some unit; some are equal."""
    n, seed = draw(st.integers(4, 40)), draw(st.integers(0, 2**32 - 1))
    rng, digits = np.random.default_rng(seed), draw(st.integers(0, 4))
    truth = np.round(100 + 10 * rng.normal(size=n), digits)
    truth[:2] = 80, 120  # of which two are left without any one
    truth[2:4] = 90, 110
    found = np.round(truth + 10 * rng.normal(size=n), digits)
    found[:2] = 85, 115
    return truth, {"values": found}


@given(splits())
def test_metrics_equal_scikit_learn_and_scipy(split: Split) -> None:
    truth, outputs = split
    found, values = TASK.evaluate(truth, outputs), outputs["values"]
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(truth, values)) == TASK.score(truth, outputs)
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(truth, values))
    assert found["r2"] == pytest.approx(sk.r2_score(truth, values))
    assert found["spearman"] == pytest.approx(spearmanr(truth, values).statistic)


@given(splits())
@settings(max_examples=30)
def test_item_scores_are_those_of_leaving_out_each_sample(split: Split) -> None:
    truth, outputs = split
    for metric in TASK.metrics:
        found = TASK.item_scores(truth, outputs, metric.name)
        assert found.mean() == pytest.approx(TASK.evaluate(truth, outputs)[metric.name], abs=1e-9)
        if not metric.per_item:
            expected = jackknife(
                lambda t, x, n=metric.name: TASK.evaluate(t, {"values": x})[n], truth, outputs["values"]
            )
            np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=metric.name)


def test_the_mean_of_all_explains_and_ranks_nothing() -> None:
    truth = np.array([1.0, 2.0, 3.0, 6.0])
    found = TASK.evaluate(truth, {"values": np.full(4, 3.0)})
    assert (found["r2"], found["spearman"], found["mae"]) == (0, 0, 1.5)
    assert np.isfinite(TASK.item_scores(truth, {"values": np.full(4, 3.0)}, "spearman")).all()


def test_equal_truths_have_no_r2() -> None:
    found = TASK.evaluate(np.ones(3), {"values": np.arange(3.0)})
    assert np.isnan(found["r2"])
    assert np.isnan(found["spearman"])


def test_what_is_learned_is_standardised_and_what_is_kept_has_the_unit() -> None:
    table = pd.DataFrame({"value": [10.0, 30.0, 999.0], "split": ["train", "train", "test"]})
    task = TASK.bound(table, 0)
    targets = task.targets(table)
    assert task.learned(targets)[:2, 0].tolist() == [-1, 1]
    outputs = torch.tensor([[-1.0], [1.0]])
    assert task.loss(outputs, torch.from_numpy(targets[:2]), preset("quick")) == 0
    kept = task.kept(outputs, torch.zeros(2))["values"]
    assert kept.tolist() == [10, 30]
    again = Regression().with_constants(task.constants())
    assert again.kept(outputs, torch.zeros(2))["values"].tolist() == [10, 30]


def test_smooth_l1_heeds_outliers_less() -> None:
    outputs, targets = torch.zeros(2, 1), torch.tensor([0.0, 100.0])
    squared = TASK.loss(outputs, targets, preset("quick"))
    absolute = TASK.loss(outputs, targets, preset("quick").model_copy(update={"loss": "smooth_l1"}))
    assert (float(squared), float(absolute)) == (5000, 49.75)


@pytest.mark.parametrize(("task", "loss"), [(TASK, "mse"), (TASK, "l1"), (Classification(), "smooth_l1")])
def test_other_losses_are_refused(task: Regression | Classification, loss: str) -> None:
    with pytest.raises(UsageError, match="no other loss"):
        task.check_loss(loss)


def test_diverged_values_are_no_prediction() -> None:
    with pytest.raises(NonFiniteLoss):
        TASK.evaluate(np.ones(1), {"values": np.array([np.inf])})
