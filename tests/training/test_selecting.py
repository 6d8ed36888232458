"""Recipes may weigh classes and select by any metric of the task; both stand in a cell's name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn.functional import cross_entropy

from bench.cells.recipes import Recipe, preset
from bench.core.errors import UsageError
from bench.records import Store
from bench.tables.metrics import selecting
from bench.tasks.classification import Classification
from tests.engine.conftest import RunCells

BALANCED = Recipe(class_weight="balanced")


def bound(labels: list[int], classes: int = 3) -> Classification:
    table = pd.DataFrame({"label": [*labels, 0, 1], "split": ["train"] * len(labels) + ["test", "val"]})
    return Classification().bound(table, classes)


def test_balanced_weights_are_scikit_learns_over_training_samples_alone() -> None:
    labels = [0, 0, 0, 0, 1, 2, 2]
    task = bound(labels)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=np.array(labels))
    np.testing.assert_allclose(task.weights, expected)
    logits, targets = torch.randn(7, 3), torch.tensor(labels)
    each = cross_entropy(logits, targets, reduction="none") * torch.tensor(expected, dtype=torch.float32)[targets]
    torch.testing.assert_close(task.loss(logits, targets, BALANCED), each.mean())
    torch.testing.assert_close(task.loss(logits, targets, Recipe()), cross_entropy(logits, targets))


def test_a_weighted_batch_is_the_mean_of_its_parts() -> None:
    task, logits = bound([0, 0, 0, 1]), torch.randn(6, 3)
    targets = torch.tensor([0, 1, 1, 0, 0, 0])
    halves = [task.loss(logits[part], targets[part], BALANCED) for part in (slice(0, 3), slice(3, 6))]
    torch.testing.assert_close(task.loss(logits, targets, BALANCED), sum(halves) / 2)


def test_a_class_without_training_samples_weighs_nothing() -> None:
    assert bound([0, 0, 1], classes=4).weights.tolist() == pytest.approx([3 / 8, 3 / 4, 0, 0])  # type: ignore[union-attr]


def test_the_selecting_metric_chooses_epoch_and_is_in_the_name(run_cells: RunCells, tmp_path: Path) -> None:
    recipe = "quick[epochs=6,lr=0.5,select=nll]"
    run_cells(tmp_path, ["linear_probe"], recipe=recipe)
    (record,) = Store(tmp_path).all()
    (stage,) = record.stages
    assert record.cell.split("/")[3] == recipe
    assert selecting(record).name == "nll"
    losses = np.array(stage.curves["val_nll"], dtype=float)
    assert stage.best_epoch == int(losses.argmin()) + 1
    assert stage.metrics["val"]["nll"] == pytest.approx(losses.min())
    assert len(stage.curves["val_accuracy"]) == 6


def test_trials_are_chosen_by_it(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe"], recipe="quick[epochs=2,lr_grid=[0.0001,0.01,1.0],select=nll]")
    (record,) = Store(tmp_path).all()
    tried = {trial["lr"]: trial["val_nll"] for trial in record.diagnostics["tuning"]}
    assert record.metrics["val"]["nll"] == pytest.approx(min(tried.values()))


def test_weights_change_what_is_learned_and_not_what_needs_none(run_cells: RunCells, tmp_path: Path) -> None:
    cells = {}
    for recipe in ("quick[epochs=2]", "quick[class_weight=balanced,epochs=2]"):
        run_cells(tmp_path, ["linear_probe", "knn"], recipe=recipe)
    for record in Store(tmp_path).all():
        cells[record.method.name, record.recipe.params["class_weight"]] = record
    assert cells["knn", None].fingerprints == cells["knn", "balanced"].fingerprints
    # five shots of every class: the weights are all 1, and so is everything else
    assert cells["linear_probe", None].metrics["test"] == cells["linear_probe", "balanced"].metrics["test"]
    assert cells["linear_probe", None].fingerprints != cells["linear_probe", "balanced"].fingerprints


def test_what_has_no_effect_or_is_not_there_is_refused(run_cells: RunCells, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to choose"):
        Recipe(**{**preset("quick").model_dump(), "select": "nll", "selection": "last"})
    for name, said in [("acuracy", "Did you mean"), ("accuracy", "left out"), ("dice", "has no metric")]:
        with pytest.raises(UsageError, match=said):
            run_cells(tmp_path, ["linear_probe"], recipe=f"quick[select={name}]")


def test_tasks_that_do_not_weigh_classes_say_so() -> None:
    from bench.tasks.segmentation import Segmentation

    with pytest.raises(UsageError, match="does not weigh classes"):
        Segmentation().check_class_weight("balanced")
