"""Segmentation: losses, counts and metrics against scikit-learn and plain recomputation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from bench.core.errors import NonFiniteLoss, UsageError
from bench.plugins.recipe_files import preset
from bench.tasks.base import Task
from bench.tasks.segmentation import IGNORED, Segmentation, pixel_counts

TASK, CLASSES, RECIPE = Segmentation(), 4, preset("quick")


def case(n: int = 6, size: int = 9) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Targets with ignored pixels, and what is kept of logits of another size."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, CLASSES, (n, size, size), generator=generator)
    targets[:, 0, :3] = IGNORED
    logits = torch.randn(n, CLASSES, size, size, generator=generator)
    logits += 1.5 * torch.nn.functional.one_hot(targets.clamp(max=CLASSES - 1), CLASSES).movedim(-1, 1)
    kept = TASK.kept(logits, targets.to(torch.uint8))
    return targets.numpy().astype(np.uint8), {name: value.numpy() for name, value in kept.items()}


def test_metrics_equal_scikit_learn_on_the_pixels_that_count() -> None:
    targets, outputs = case()
    valid = targets != IGNORED
    truth, found = targets[valid], outputs["labels"][valid]
    scores = TASK.evaluate(targets, outputs)
    assert scores["miou"] == pytest.approx(jaccard_score(truth, found, average="macro"))
    assert scores["dice"] == pytest.approx(f1_score(truth, found, average="macro"))
    assert scores["foreground_dice"] == pytest.approx(f1_score(truth, found, average="macro", labels=[1, 2, 3]))
    assert scores["pixel_accuracy"] == pytest.approx(accuracy_score(truth, found))


def test_stored_counts_are_those_of_the_stored_maps() -> None:
    targets, outputs = case()
    again = pixel_counts(torch.from_numpy(outputs["labels"]).long(), torch.from_numpy(targets).long(), CLASSES)
    assert np.array_equal(outputs["counts"], again.numpy())
    assert TASK.evaluate(targets, {**outputs, "counts": again.numpy()}) == TASK.evaluate(targets, outputs)


@pytest.mark.parametrize("metric", [metric.name for metric in TASK.metrics])
def test_item_scores_are_the_jackknife_of_the_metric(metric: str) -> None:
    targets, outputs = case()
    scores = TASK.item_scores(targets, outputs, metric)
    assert scores.mean() == pytest.approx(TASK.evaluate(targets, outputs)[metric])
    np.testing.assert_allclose(scores, Task.item_scores(TASK, targets, outputs, metric))


def test_a_class_that_neither_occurs_nor_is_predicted_is_not_averaged_over() -> None:
    targets = torch.zeros(1, 4, 4, dtype=torch.uint8)
    logits = torch.zeros(1, CLASSES, 4, 4)
    logits[:, 0] = 1
    kept = {name: value.numpy() for name, value in TASK.kept(logits, targets).items()}
    scores = TASK.evaluate(targets.numpy(), kept)
    assert scores["miou"] == 1
    assert np.isnan(scores["foreground_dice"])


def test_loss_is_the_mean_over_samples_whatever_the_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, CLASSES, 4, 4, generator=generator)
    targets = torch.randint(0, CLASSES, (3, 8, 8), generator=generator)
    targets[1, :6] = IGNORED
    alone = [TASK.loss(logits[i : i + 1], targets[i : i + 1], RECIPE) for i in range(3)]
    torch.testing.assert_close(TASK.loss(logits, targets, RECIPE), torch.stack(alone).mean())
    large = torch.nn.functional.interpolate(logits, (8, 8), mode="bilinear")
    expected = [torch.nn.functional.cross_entropy(large[i : i + 1], targets[i : i + 1], ignore_index=IGNORED)
                for i in range(3)]  # fmt: skip
    torch.testing.assert_close(torch.stack(alone), torch.stack(expected))


def test_a_sample_without_a_counted_pixel_adds_nothing() -> None:
    targets = torch.full((1, 4, 4), IGNORED)
    assert TASK.loss(torch.randn(1, CLASSES, 4, 4), targets, RECIPE) == 0


def test_diverged_logits_are_an_error() -> None:
    logits = torch.zeros(1, CLASSES, 4, 4)
    logits[0, 2, 1, 1] = torch.nan
    targets = torch.zeros(1, 4, 4, dtype=torch.uint8)
    kept = {name: value.numpy() for name, value in TASK.kept(logits, targets).items()}
    with pytest.raises(NonFiniteLoss):
        TASK.evaluate(targets.numpy(), kept)


def test_too_many_classes_and_unknown_heads_are_refused() -> None:
    with pytest.raises(UsageError, match="255 classes"):
        TASK.head(None, 256, ())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="segformer"):
        TASK.check_head("segformr")
    with pytest.raises(UsageError, match="first, linear"):
        TASK.check_head("linear")
