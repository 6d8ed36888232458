"""What saves memory and time: half precision with a scaled loss, gradient checkpointing, torch.compile."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.backbones.saving_memory import checkpoint_gradients, kept_bytes
from bench.baselines.sam import SAM
from bench.baselines.vpt import VPT
from bench.conformance.stages import take_step
from bench.conformance.tiny import tiny_backbone
from bench.core.errors import UsageError
from bench.methods import Method
from bench.records import Store
from bench.training import checkpoint
from bench.training.loss_scale import FIRST, GROWS_AFTER, adjusted, unscale
from tests.engine.conftest import RunCells
from tests.methods.test_finetuning import PLAIN, learner
from tests.training.test_optimizers import Whole

LOW = 2.0**10  # at which no gradient of these tiny models overflows
HALF = PLAIN.model_copy(update={"precision": "fp16"})


def test_the_scale_falls_at_once_and_rises_after_many_steps() -> None:
    """As torch's GradScaler does with its defaults."""
    scaler = torch.amp.GradScaler("cpu", init_scale=FIRST)
    weight = nn.Parameter(torch.ones(()))
    optimizer = torch.optim.SGD([weight], lr=0.0)
    scale, steps = FIRST, 0
    for number in range(GROWS_AFTER + 30):
        finite = number not in (3, 4, 17)
        optimizer.zero_grad()
        scaler.scale(weight * (1.0 if finite else float("inf"))).backward()
        scaler.step(optimizer)
        scaler.update()
        scale, steps = adjusted(scale, steps, finite)
        assert scale == scaler.get_scale()


def test_gradients_are_divided_and_judged() -> None:
    weights = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(1))]
    weights[0].grad, weights[1].grad = torch.tensor([8.0, -4.0]), torch.tensor([0.0, 2.0, 1.0])
    assert unscale(weights, 4.0)
    assert weights[0].grad.tolist() == [2.0, -1.0]
    weights[1].grad[1] = torch.inf
    assert not unscale(weights, 4.0)


@pytest.mark.parametrize("method", [Whole(), SAM()])
def test_a_step_in_half_precision_is_that_of_single_precision_to_rounding(method: Method) -> None:
    half, single = learner(method, "vit", HALF), learner(method, "vit")
    start, half.progress.loss_scale = half.state(), LOW
    for one in (half, single):
        one.train_mode()
        take_step(one, 0, 0)
    assert (half.progress.loss_scale, half.progress.finite_steps) == (LOW, 1)
    for name, value in single.state().items():
        torch.testing.assert_close(half.state()[name] - start[name], value - start[name], rtol=0.1, atol=2e-4)


class Explodes(Whole):
    """Its second step has gradients that are no numbers."""

    def extra_loss(self, model, batch):  # type: ignore[no-untyped-def]
        return batch.features.pooled.sum() * torch.inf if SECOND else None


SECOND: list[int] = []


def test_a_step_whose_gradients_are_not_finite_is_left_out_and_the_scale_is_resumed(tmp_path: Path) -> None:
    made = learner(Explodes(), "vit", HALF)
    made.progress.loss_scale = LOW
    made.train_mode()
    take_step(made, 0, 0)
    before = made.state()
    SECOND.append(1)
    take_step(made, 0, 1)
    SECOND.clear()
    assert all(torch.equal(made.state()[name], value) for name, value in before.items())
    assert (made.progress.loss_scale, made.progress.finite_steps) == (LOW / 2, 0)
    checkpoint.save(tmp_path, made)
    resumed = learner(Explodes(), "vit", HALF)
    checkpoint.restore(tmp_path, resumed)
    assert resumed.progress.loss_scale == LOW / 2
    take_step(made, 0, 2)
    assert not torch.equal(made.state()["head.fc.weight"], before["head.fc.weight"])


def test_half_precision_without_cuda_is_refused_before_it_trains(run_cells: RunCells, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fp16 needs CUDA"):
        run_cells(tmp_path, ["linear_probe"], "quick[precision=fp16]")


@pytest.mark.parametrize(("kind", "method"), [("vit", Whole()), ("vit", VPT()), ("cnn", Whole()), ("hybrid", Whole())])
def test_gradient_checkpointing_keeps_less_and_gives_the_same_bits(kind: str, method: Method) -> None:
    plain, saving = learner(method, kind), learner(method, kind)
    checkpoint_gradients(saving.model.backbone)
    for one in (plain, saving):
        one.train_mode()
        for step in range(2):
            take_step(one, 0, step)
    assert kept_bytes(saving.model.backbone) < kept_bytes(plain.model.backbone)
    assert all(torch.equal(saving.state()[name], value) for name, value in plain.state().items())


def test_what_has_no_checkpointing_is_refused() -> None:
    backbone = copy.deepcopy(tiny_backbone("vit"))
    backbone.model.set_grad_checkpointing = lambda enable: None
    with pytest.raises(UsageError, match="no memory"):
        checkpoint_gradients(backbone)


def test_a_run_with_checkpointing_has_the_digits_of_one_without(run_cells: RunCells, tmp_path: Path) -> None:
    found: list[list[float | None]] = []
    for place, recipe in (("plain", "quick[epochs=1]"), ("saving", "quick[epochs=1,checkpointing=true]")):
        assert not run_cells(tmp_path / place, ["full_finetune"], recipe).failed
        (record,) = Store(tmp_path / place).all()
        found.append(record.stages[0].curves["val_loss"])
        assert record.recipe.params["checkpointing"] == (place == "saving")
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_compiled_backbone_trains_to_the_same_up_to_rounding(run_cells: RunCells, tmp_path: Path) -> None:
    found: list[list[float | None]] = []
    for place, recipe in (("plain", "quick[epochs=2]"), ("compiled", "quick[epochs=2,compile=true]")):
        assert not run_cells(tmp_path / place, ["full_finetune"], recipe, keep_weights=True).failed
        (record,) = Store(tmp_path / place).all()
        found.append(record.stages[0].curves["train_loss"])
        assert record.recipe.params["compile"] == (place == "compiled")
    assert found[0] == pytest.approx(found[1], rel=1e-3)
    assert found[0] != found[1]
