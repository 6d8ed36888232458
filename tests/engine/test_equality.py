"""The same digits: repeated, grouped or alone, with shared prefixes, banked or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from compared import assert_same_results

from bench.records import Store
from bench.training import stages
from tests.engine.conftest import RunCells

SEVERAL = ["linear_probe", "cladapter[k=2,tuning=frozen]", "cladapter[k=3]", "full_finetune", "knn"]


@pytest.mark.parametrize("recipe", ["quick[epochs=2]", "paper[epochs=2]", "quick[epochs=2,augment=flip,views=2]"])
def test_fused_equals_alone(recipe: str, run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path / "fused", SEVERAL, recipe, seeds=(0, 1))
    run_cells(tmp_path / "alone", SEVERAL, recipe, seeds=(0, 1), fuse=False)
    assert assert_same_results(tmp_path / "fused", tmp_path / "alone") == 10


@pytest.mark.parametrize("backbone", ["tiny_cnn", "tiny_batch_norm_cnn"])
def test_repeating_gives_the_same_bits(backbone: str, run_cells: RunCells, tmp_path: Path) -> None:
    for place in ("one", "two"):
        run_cells(tmp_path / place, ["cladapter[k=2]", "full_finetune"], "paper[epochs=1]", backbone)
    assert_same_results(tmp_path / "one", tmp_path / "two")


def test_seed_and_data_seed_matter(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe"], "paper[epochs=1]", seeds=(0, 1))
    first, second = Store(tmp_path).all()
    assert first.stages[0].curves.train_loss != second.stages[0].curves.train_loss


def test_staged_reports_the_frozen_cell_as_its_first_stage(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["cladapter[k=2]", "cladapter[k=2,tuning=frozen]"])
    frozen, staged = sorted(Store(tmp_path).all(), key=lambda record: len(record.stages))
    assert [stage.name for stage in staged.stages] == ["stage1", "stage2"]
    assert staged.stages[0] == frozen.stages[0]
    assert staged.test_openings == 2
    assert frozen.test_openings == 1


def test_shared_stages_train_once(run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []
    keep = stages.StageRunner._keep_trained

    def counting(self: stages.StageRunner, learner: stages.Learner) -> stages.Trained:
        trained.append(learner.job.key)
        return keep(self, learner)

    monkeypatch.setattr(stages.StageRunner, "_keep_trained", counting)
    run_cells(tmp_path, ["cladapter[k=2]", "cladapter[k=2,tuning=frozen]"])
    assert len(trained) == len(set(trained)) == 2


def test_bank_off_gives_the_same_augmented_training(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path / "banked", ["linear_probe", "cladapter[k=2,tuning=frozen]"], "paper[epochs=2]")
    run_cells(tmp_path / "live", ["linear_probe", "cladapter[k=2,tuning=frozen]"], "paper[epochs=2]", bank_gb=0.0)
    assert assert_same_results(tmp_path / "banked", tmp_path / "live") == 2


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
    assert tuned.test_openings == 1


def test_bf16_runs_and_differs(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe"], "quick[epochs=1]")
    run_cells(tmp_path, ["linear_probe"], "quick[epochs=1,precision=bf16]")
    one, other = Store(tmp_path).all()
    assert one.stages[0].curves.train_loss != other.stages[0].curves.train_loss
