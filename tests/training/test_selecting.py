"""Recipes may weigh classes and select by any metric of the task; both stand in a cell's name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from compared import assert_same_results
from sklearn.utils.class_weight import compute_class_weight
from torch.nn.functional import cross_entropy

from bench.cells.recipes import Recipe
from bench.core.errors import UsageError
from bench.engine.run import carry_out
from bench.engine.settings import Settings
from bench.plugins.folders import use_folders
from bench.plugins.recipe_files import preset
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


PEEKING = '''
"""Digits whose second protocol selects on the test split."""
from dataclasses import replace

from bench.datasets.digits import Digits

LIMITED = Digits.protocols["limited"]


class Peeking(Digits):
    """Digits, honestly and not."""

    protocols = {"limited": LIMITED, "peeking": replace(LIMITED, selection="test_best")}
    expected = {}
'''


@pytest.mark.parametrize("first", ["limited", "peeking"])
def test_cells_of_one_backbone_select_each_on_their_own_split(
    tmp_path: Path, plugin_folder: Path, weights: Path, first: str
) -> None:
    """Whichever cell comes first: the test split chooses where its protocol says so, and nowhere else."""
    (plugin_folder / "peeking.py").write_text(PEEKING)
    use_folders([plugin_folder])
    recipe = "quick[epochs=6,lr=0.5]"
    names = [f"peeking[protocol={p}]/tiny_vit/linear_probe/{recipe}/seed=0" for p in ("limited", "peeking")]
    order = names if first == "limited" else names[::-1]
    settings = Settings(results=tmp_path / "together", weights=weights, device="cpu", quiet=True)
    together = carry_out(order, settings)
    for name in names:
        carry_out([name], replace(settings, results=tmp_path / "alone"))
    assert assert_same_results(tmp_path / "together", tmp_path / "alone") == 2
    honest, peeked = [r.stages[0] for r in map(Store(settings.results).get, sorted(together.cells)) if r]
    assert [len(honest.curves["val_accuracy"]), len(peeked.curves["val_accuracy"])] == [6, 6]
    assert max(honest.curves["val_accuracy"]) == honest.metrics["val"]["accuracy"]  # type: ignore[type-var]
    assert max(peeked.curves["val_accuracy"]) == peeked.metrics["test"]["accuracy"]  # type: ignore[type-var]
