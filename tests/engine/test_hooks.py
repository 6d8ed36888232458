"""Hooks of methods in whole runs: interrupted, together and alone, and what goes wrong in them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from compared import assert_same_results
from made_images import class_folders

from bench.core.errors import UsageError
from bench.records import Store
from bench.training.learner import Learner
from tests.engine.conftest import RunCells

HEADS = ["ema[trains=head]", "sam[trains=head]", "linear_probe"]
HOOKED = ["ema", "sam", "wise_ft"]


def test_heads_with_hooks_are_the_same_alone_and_together(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path / "fused", HEADS)
    run_cells(tmp_path / "alone", HEADS, fuse=False)
    assert assert_same_results(tmp_path / "fused", tmp_path / "alone") == len(HEADS)
    scores = {r.method.name: r.stages[0].curves["val_loss"] for r in Store(tmp_path / "fused").all()}
    assert len({tuple(curve) for curve in scores.values()}) == len(HEADS)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("after", [5, 8])
def test_an_interrupted_run_has_the_same_digits(
    after: int, run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """50 images in batches of 20: three steps an epoch, two epochs a stage."""
    run_cells(tmp_path / "whole", HOOKED)
    step, taken = Learner.step, list[int]()

    def limited(self: Learner, *args: object) -> None:
        taken.append(1)
        if len(taken) == after:
            raise Killed
        step(self, *args)

    for method in HOOKED:
        taken.clear()
        with monkeypatch.context() as patched:
            patched.setattr(Learner, "step", limited)
            with contextlib.suppress(Killed):
                run_cells(tmp_path / "killed", [method])
        run_cells(tmp_path / "killed", [method])
    assert assert_same_results(tmp_path / "whole", tmp_path / "killed") == len(HOOKED)


HOOK = '''
from bench.methods import Method, Stage


class Hooked(Method):
    """A method whose hook asks for what it must not have."""

    own_backbone = {own}
'''


def written(folder: Path, body: str, own: bool = False) -> None:
    (folder / "hooked.py").write_text(HOOK.format(own=own) + "\n" + body)


def test_a_hook_with_a_backbone_of_its_own_is_never_fused(
    plugin_folder: Path, run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees inputs (B, 3, H, W), where the linear probe on the frozen backbone sees features."""
    monkeypatch.setenv("BENCH_PLUGINS", str(plugin_folder))
    body = """
    def training_step(self, step):
        assert step.inputs.shape[1:] == (3, 32, 32), step.inputs
        return step.loss()
"""
    written(plugin_folder, body, own=True)
    done = run_cells(tmp_path, ["hooked", "linear_probe"])
    assert not done.failed
    found, probe = (Store(tmp_path).get(cell) for cell in done.cells)
    assert found
    assert probe
    assert found.metrics["test"]["accuracy"] == pytest.approx(probe.metrics["test"]["accuracy"], abs=0.05)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("def optimizers(self, trainables):\n        return []", "optimizers"),
        ("def optimizers(self, trainables):\n        return [trainables.optimizer()] * 2", "head.fc"),
        ("def after_step(self, step):\n        raise ArithmeticError('as planned')", "as planned"),
        ("def finish(self, selected):\n        raise ArithmeticError('as planned')", "as planned"),
    ],
)
def test_a_faulty_hook_fails_its_cell_alone(
    body: str, words: str, plugin_folder: Path, run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_PLUGINS", str(plugin_folder))
    written(plugin_folder, "    " + body)
    done = run_cells(tmp_path, ["hooked", "linear_probe"])
    (message,) = done.failed.values()
    assert words in message
    assert len([record for record in Store(tmp_path).all() if record.status == "done"]) == 1


def test_what_chooses_on_validation_is_refused_before_it_trains(run_cells: RunCells, tmp_path: Path) -> None:
    for number, split in enumerate(("train", "test")):
        class_folders(tmp_path / "mine" / split, height=9 + number)
    place = {"dataset": "image_folder[protocol=split_without_val,path=mine]", "data": tmp_path}
    recipe = "quick[epochs=1,selection=last]"
    with pytest.raises(UsageError, match="bench show wise_ft"):
        run_cells(tmp_path / "runs", ["wise_ft"], recipe, **place)
    assert not run_cells(tmp_path / "runs", ["wise_ft[alpha=0.5]"], recipe, **place).failed
