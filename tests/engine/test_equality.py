"""The same digits: repeated, grouped or alone, with shared prefixes, cached or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from compared import assert_same_results

from bench.backbones.weights import load
from bench.cells.notation import Spec
from bench.engine import group_run
from bench.plugins.recipe_files import preset
from bench.records import Store
from bench.training import stages
from bench.training.context import Context
from bench.training.learner import Learner
from bench.training.schedules import learning_rate
from tests.engine.conftest import RunCells

SEVERAL = ["linear_probe", "cladapter[k=2,tuning=frozen]", "cladapter[k=3]", "full_finetune", "knn"]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["quick[epochs=2]", "paper[epochs=2]", "quick[epochs=2,augment=flip,views=2]"])
def test_fused_equals_alone(recipe: str, run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path / "fused", SEVERAL, recipe, seeds=(0, 1))
    run_cells(tmp_path / "alone", SEVERAL, recipe, seeds=(0, 1), fuse=False)
    assert assert_same_results(tmp_path / "fused", tmp_path / "alone") == 10


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["tiny_cnn", "tiny_batch_norm_cnn"])
def test_repeating_gives_the_same_bits(backbone: str, run_cells: RunCells, tmp_path: Path) -> None:
    for place in ("one", "two"):
        run_cells(tmp_path / place, ["cladapter[k=2]", "full_finetune"], "paper[epochs=1]", backbone)
    assert_same_results(tmp_path / "one", tmp_path / "two")


def test_seed_and_data_seed_matter(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe"], "paper[epochs=1]", seeds=(0, 1))
    first, second = Store(tmp_path).all()
    assert first.stages[0].curves["train_loss"] != second.stages[0].curves["train_loss"]


def test_staged_reports_the_frozen_cell_as_its_first_stage(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["cladapter[k=2]", "cladapter[k=2,tuning=frozen]"])
    frozen, staged = sorted(Store(tmp_path).all(), key=lambda record: len(record.stages))
    assert [stage.name for stage in staged.stages] == ["stage1", "stage2"]
    assert staged.stages[0] == frozen.stages[0]
    assert staged.diagnostics["stage1"]["routing"] == frozen.diagnostics["stage1"]["routing"]
    assert np.shape(staged.diagnostics["stage2"]["routing"]["beta"]) == (10, 2)
    assert staged.diagnostics["stage2"]["routing"] != staged.diagnostics["stage1"]["routing"]
    assert staged.test_evaluations == 2
    assert frozen.test_evaluations == 1


def test_shared_stages_train_once(run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []
    train = stages.train

    def counting(context: Context, learners: Sequence[stages.Learner], *args: object) -> None:
        trained.extend(learner.job.key for learner in learners)
        train(context, learners, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(stages, "train", counting)
    run_cells(tmp_path, ["cladapter[k=2]", "cladapter[k=2,tuning=frozen]"])
    assert len(trained) == len(set(trained)) == 2


@pytest.mark.parametrize("backbone", ["tiny_vit", "tiny_batch_norm_cnn"])
def test_bank_off_gives_the_same_augmented_training(backbone: str, run_cells: RunCells, tmp_path: Path) -> None:
    methods = ["linear_probe", "cladapter[k=2,tuning=frozen]"]
    run_cells(tmp_path / "cached", methods, "paper[epochs=2]", backbone)
    run_cells(tmp_path / "live", methods, "paper[epochs=2]", backbone, cache_gb=0.0)
    assert assert_same_results(tmp_path / "cached", tmp_path / "live") == 2


def test_learning_rate_grid_is_chosen_on_validation_and_opens_test_once(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe"], "quick[epochs=2,lr_grid=[1e-5,0.01]]")
    run_cells(tmp_path / "alone", ["linear_probe"], "quick[epochs=2,lr=0.01]")
    (tuned,) = Store(tmp_path).all()
    (alone,) = Store(tmp_path / "alone").all()
    trials = tuned.diagnostics["tuning"]
    assert [trial["lr"] for trial in trials] == [1e-5, 0.01]
    assert (
        trials[1]["val_accuracy"] == max(trial["val_accuracy"] for trial in trials) == tuned.metrics["val"]["accuracy"]
    )
    assert tuned.stages == alone.stages
    assert tuned.test_evaluations == 1


def test_bf16_runs_and_differs(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe"], "quick[epochs=1]")
    run_cells(tmp_path, ["linear_probe"], "quick[epochs=1,precision=bf16]")
    one, other = Store(tmp_path).all()
    assert one.stages[0].curves["train_loss"] != other.stages[0].curves["train_loss"]


def contexts(monkeypatch: pytest.MonkeyPatch) -> list[Context]:
    """The contexts that a run makes, as they come."""
    made: list[Context] = []
    build = group_run.build_context

    def noted(*args: object) -> Context:
        made.append(build(*args))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(group_run, "build_context", noted)
    return made


def test_the_shared_backbone_stays_as_pre_trained(
    run_cells: RunCells, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters and running statistics, after augmented training of heads, staged ones included."""
    made = contexts(monkeypatch)
    run_cells(tmp_path, ["linear_probe", "cladapter[k=2]"], "paper[epochs=2]", "tiny_batch_norm_cnn")
    fresh = load(Spec("tiny_batch_norm_cnn"), weights).state_dict()
    assert any("running_var" in name for name in fresh)
    for context in made:
        found = context.backbone.state_dict()
        assert found.keys() == fresh.keys()
        for name, value in fresh.items():
            assert torch.equal(found[name], value), name


def test_stage_2_starts_from_the_best_epoch_of_stage_1_with_a_tenth_of_the_rate(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The validation scores are made up, so that the second of four epochs is the best."""
    scores = iter([0.1, 0.9, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8])
    after: list[tuple[int, dict[str, torch.Tensor]]] = []
    rates: list[float] = []
    end_epoch, step = Learner.end_epoch, Learner.step

    def scored(self: Learner, loss: float, score: float, outputs: object, limit: float | None) -> None:
        after.append((self.job.index, self.state()))
        end_epoch(self, loss, next(scores), outputs, limit)

    def noted(self: Learner, *args: object) -> None:
        if self.job.index == 1 and not rates:
            started.update(self.state())
            assert not any(optimizer.state for optimizer in self.optimizers)
        step(self, *args)  # type: ignore[arg-type]
        if self.job.index == 1:
            rates.append(self.optimizers[0].param_groups[0]["lr"])

    started: dict[str, torch.Tensor] = {}
    monkeypatch.setattr(Learner, "end_epoch", scored)
    monkeypatch.setattr(Learner, "step", noted)
    run_cells(tmp_path, ["cladapter[k=2]"], "paper[epochs=4]", "tiny_vit")
    best, last = after[1][1], after[3][1]
    assert all(torch.equal(started[name], value) for name, value in best.items())
    assert not all(torch.equal(started[name], value) for name, value in last.items())
    recipe = preset("paper")
    per_epoch = len(rates) // 4
    expected = [
        learning_rate(recipe.schedule, 0.1 * recipe.lr, 4, recipe.warmup_epochs, per_epoch, number // per_epoch,
                      number % per_epoch)
        for number in range(len(rates))
    ]  # fmt: skip
    assert rates == expected
    assert max(rates) <= 0.1 * recipe.lr
    assert rates[0] < rates[per_epoch]  # its own warm-up
