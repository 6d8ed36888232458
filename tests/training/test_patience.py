"""Stopping early, and batches in parts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from made_images import class_folders
from typer.testing import CliRunner

from bench.cells.notation import Spec
from bench.cli.app import app
from bench.conformance.stages import take_step
from bench.core.errors import UsageError
from bench.plugins.recipe_files import resolve
from bench.records import Store
from bench.tasks.base import Metric
from bench.training.learner import Learner
from bench.training.progress import since_improved
from tests.engine.conftest import RunCells
from tests.methods.test_finetuning import PLAIN, learner
from tests.training.test_optimizers import Whole

UP, DOWN = Metric("up", higher_is_better=True), Metric("down", higher_is_better=False)


@pytest.mark.parametrize(
    ("scores", "metric", "waited"),
    [
        ([], UP, 0), ([0.5], UP, 0), ([0.5, 0.6], UP, 0), ([0.6, 0.5, 0.6], UP, 2), ([0.6, 0.5, 0.7, 0.1], UP, 1),
        ([0.6, 0.5, 0.6], DOWN, 1), ([float("nan"), float("nan"), 0.1], UP, 0), ([0.3, float("nan")], UP, 1),
    ],
)  # fmt: skip
def test_epochs_since_the_first_best_score(scores: list[float], metric: Metric, waited: int) -> None:
    assert since_improved(scores, metric) == waited


def test_patience_ends_a_stage_and_the_record_tells_it(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second epoch is the best: with patience 3 the stage ends after the fifth of 20, its equal counts as none."""
    end_epoch = Learner.end_epoch
    scores = [0.1, 0.9, 0.2, 0.9, 0.3, 0.95, 0.99]

    def scored(self: Learner, loss: float, score: float, outputs: object, limit: float | None) -> None:
        end_epoch(self, loss, scores[self.progress.epoch], outputs, limit)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "end_epoch", scored)
    run_cells(tmp_path, ["linear_probe", "full_finetune"], "quick[epochs=20,patience=3]")
    for record in Store(tmp_path).all():
        (stage,) = record.stages
        assert (stage.epochs, stage.best_epoch) == (5, 2)
        assert stage.curves["val_accuracy"] == scores[:5]
        assert record.recipe.params["patience"] == 3
        assert record.budget is not None
        assert (record.budget.offered, record.budget.epochs) == (20, 5)


def test_patience_without_effect_is_refused() -> None:
    with pytest.raises(UsageError, match="patience"):
        resolve(Spec("quick", {"patience": 3, "selection": "last"}))


def test_the_plan_says_at_most(tmp_path: Path) -> None:
    class_folders(tmp_path / "mine", height=9)
    words = ["run", "digits/pico/linear_probe/quick[epochs=7{}]/seed=0", "--dry-run", "--results", str(tmp_path)]
    for patience, expected in ((",patience=2", True), ("", False)):
        ran = CliRunner().invoke(app, [word.format(patience) for word in words])
        assert ran.exit_code == 0, ran.output
        assert ("at most 7 epochs" in ran.output) == expected


def test_a_batch_in_parts_gives_the_same_step_to_rounding() -> None:
    whole, parts = learner(Whole(), "vit"), learner(Whole(), "vit", PLAIN.model_copy(update={"accumulate": 3}))
    for one in (whole, parts):
        one.train_mode()
        take_step(one, 0, 0)
    other = parts.state()
    for name, value in whole.state().items():
        torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-6)
    assert not all(torch.equal(other[name], value) for name, value in whole.state().items())


def test_parts_on_purpose_are_no_note_and_batch_norm_takes_them(run_cells: RunCells, tmp_path: Path) -> None:
    done = run_cells(tmp_path, ["full_finetune"], "quick[epochs=1,accumulate=4]", backbone="tiny_batch_norm_cnn")
    assert not done.failed
    (record,) = Store(tmp_path).all()
    assert not [note for note in record.flags.notes if "micro-batches" in note]
    with pytest.raises(UsageError, match="accumulate"):
        resolve(Spec("quick", {"accumulate": 64, "batch_size": 8}))
