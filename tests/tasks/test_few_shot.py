"""The few-shot task: candidates of a sample, base and new classes, and paired scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score
from torch.nn.functional import cross_entropy

from bench.plugins.recipe_files import preset
from bench.stats.errors import StatisticsError
from bench.tasks.base import Task
from bench.tasks.few_shot import FewShot, class_groups

RNG = np.random.default_rng(0)
LABELS = np.arange(40) % 5  # classes 0..2 are base, 3 and 4 new
LOGITS = RNG.normal(size=(40, 5)).astype(np.float32) + 1.5 * np.eye(5, dtype=np.float32)[LABELS]
TABLE = pd.DataFrame(
    {
        "label": np.concatenate([LABELS, [0, 1, 2]]),
        "split": ["test"] * 40 + ["train"] * 3,
        "vocabulary": ["base" if label < 3 else "new" for label in LABELS] + ["base"] * 3,
    }
)
TASK = FewShot().bound(TABLE, 5)


def by_hand() -> tuple[float, float]:
    """Each kind among its own classes, by scikit-learn."""
    base = LABELS < 3
    first = accuracy_score(LABELS[base], LOGITS[base][:, :3].argmax(1))
    return float(first), float(accuracy_score(LABELS[~base], 3 + LOGITS[~base][:, 3:].argmax(1)))


def test_each_kind_is_judged_among_its_own_classes() -> None:
    base, new = by_hand()
    found = TASK.evaluate(LABELS, {"logits": LOGITS})
    assert (found["base"], found["new"]) == (base, new)
    assert found["harmonic"] == pytest.approx(2 / (1 / base + 1 / new))
    assert found["accuracy"] == pytest.approx((24 * base + 16 * new) / 40)
    assert TASK.score(LABELS, {"logits": LOGITS}) == found["accuracy"]


def test_the_loss_sees_a_samples_own_classes_alone() -> None:
    targets, logits = torch.tensor([0, 2, 1]), torch.from_numpy(LOGITS[:3]).requires_grad_()
    loss = TASK.loss(logits, targets, preset("quick"))
    torch.testing.assert_close(loss, cross_entropy(logits[:, :3], targets))
    loss.backward()
    assert float(logits.grad[:, 3:].abs().max()) == 0


def test_what_is_stored_gives_the_same_numbers_without_the_table() -> None:
    stored = TASK.arrays(LABELS, {"logits": LOGITS})
    expected = TASK.evaluate(LABELS, {"logits": LOGITS})
    assert FewShot().evaluate(LABELS, stored) == pytest.approx(expected, nan_ok=True)
    assert stored["new"].sum() == 16


@pytest.mark.parametrize("metric", ["base", "new", "harmonic"])
def test_scores_of_samples_are_the_jackknifes(metric: str) -> None:
    stored = TASK.arrays(LABELS, {"logits": LOGITS})
    expected = Task.item_scores(FewShot(), LABELS, stored, metric)  # one sample left out at a time
    np.testing.assert_allclose(FewShot().item_scores(LABELS, stored, metric), expected, rtol=1e-9, atol=1e-9)


def test_scores_of_samples_need_two_of_each_kind() -> None:
    with pytest.raises(StatisticsError, match="two of each kind"):
        FewShot().item_scores(LABELS, {"logits": LOGITS, "new": np.zeros(40, dtype=bool)}, "harmonic")


def test_accuracy_per_sample_averages_to_the_accuracy() -> None:
    scores = TASK.item_scores(LABELS, {"logits": LOGITS}, "accuracy")
    assert scores.mean() == TASK.evaluate(LABELS, {"logits": LOGITS})["accuracy"]


def test_one_group_is_plain_classification() -> None:
    plain = FewShot().bound(TABLE.drop(columns="vocabulary").assign(split="train"), 5)
    found = plain.evaluate(LABELS, {"logits": LOGITS})
    assert found["accuracy"] == found["base"] == accuracy_score(LABELS, LOGITS.argmax(1))
    assert np.isnan([found["new"], found["harmonic"]]).all()


def test_classes_that_share_a_vocabulary_are_one_group() -> None:
    table = pd.DataFrame({"label": [0, 1, 1, 2, 3, 4], "vocabulary": ["a", "a", "b", "b", "c", "d"]})
    assert class_groups(table, 5).tolist() == [0, 0, 0, 1, 2]
    assert class_groups(table.drop(columns="vocabulary"), 5).tolist() == [0] * 5
