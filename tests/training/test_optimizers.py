"""Optimisers: every one of timm's goes on from a checkpoint as if there had been no stop, or is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from timm.optim import create_optimizer_v2, list_optimizers
from torch import Tensor, nn

from bench.conformance.stages import take_step
from bench.core.errors import UsageError
from bench.methods import Method, Stage, Trainables
from bench.training.optimizer_state import flat, load
from bench.training.timm_optim import OURS, REFUSED, check_optimizer, of_timm
from tests.methods.test_finetuning import PLAIN, learner

REFUSED_NAMES = [name for name in list_optimizers() if name.startswith(tuple(REFUSED))]


def parameters() -> list[nn.Parameter]:
    """A matrix, a vector, and a convolution whose memory is channels-last."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(6, 8), (6,), (4, 3, 2, 2)]
    drawn = [torch.randn(shape, generator=generator) for shape in shapes]
    drawn[2] = drawn[2].to(memory_format=torch.channels_last)
    return [nn.Parameter(one) for one in drawn]


def made(name: str, trained: list[nn.Parameter]) -> torch.optim.Optimizer:
    """In two groups of different rate and decay, as a stage has them."""
    groups = [
        {"params": trained[:2], "lr": 0.01, "weight_decay": 0.1, "factor": 1.0},
        {"params": trained[2:], "lr": 0.005, "weight_decay": 0.0, "factor": 0.5},
    ]
    return of_timm(name, groups, 0.01, 0.9, {})


def stepped(optimizer: torch.optim.Optimizer, trained: list[nn.Parameter], numbers: range) -> None:
    for number in numbers:
        generator = torch.Generator().manual_seed(100 + number)
        for parameter in trained:
            parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=generator))
        optimizer.step()


@pytest.mark.parametrize("name", [name for name in list_optimizers() if name not in REFUSED_NAMES])
def test_an_optimiser_goes_on_from_a_checkpoint(name: str, tmp_path: Path) -> None:
    """To the same bits, through files as checkpoints are written; and its steps depend on what is remembered."""
    check_optimizer(name)
    whole, begun = parameters(), parameters()
    stepped(made(name, whole), whole, range(5))
    first = made(name, begun)
    stepped(first, begun, range(3))
    tensors, numbers = flat([first])
    save_file({key: value.contiguous() for key, value in tensors.items()}, tmp_path / "now")
    second = made(name, begun)
    load([second], load_file(tmp_path / "now"), numbers)
    stepped(second, begun, range(3, 5))
    assert all(torch.equal(a, b) for a, b in zip(whole, begun, strict=True))


@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_an_optimiser_that_no_checkpoint_holds_is_refused_by_name(name: str) -> None:
    with pytest.raises(UsageError, match=f"optimizer={name} cannot be used"):
        check_optimizer(name)


@pytest.mark.filterwarnings("ignore:.*opt_einsum")
def test_what_is_refused_for_its_state_has_such_a_state() -> None:
    """Kron keeps the state of a generator, AdaHessian takes gradients of gradients."""
    trained = parameters()
    kron = create_optimizer_v2([{"params": trained}], opt="kron", lr=0.01)
    stepped(kron, trained, range(1))
    with pytest.raises(UsageError, match="Kron keeps"):
        flat([kron])
    with pytest.raises(RuntimeError, match="grad"):
        stepped(create_optimizer_v2([{"params": trained}], opt="adahessian", lr=0.01), trained, range(1))


def test_names_and_momentum_are_checked() -> None:
    with pytest.raises(UsageError, match="'lion'"):
        check_optimizer("lionn")
    with pytest.raises(UsageError, match="adadelta has no momentum"):
        check_optimizer("adadelta", 0.8)
    check_optimizer("adadelta")
    for name in OURS:
        check_optimizer(name, 0.5)


@pytest.mark.parametrize(("name", "where"), [("lion", "betas"), ("sgdw", "momentum"), ("muon", "momentum")])
def test_the_recipes_momentum_reaches_the_optimiser(name: str, where: str) -> None:
    made_of = learner(Whole(), "vit", PLAIN.model_copy(update={"optimizer": name, "momentum": 0.7}))
    (optimizer,) = made_of.optimizers
    for group in optimizer.param_groups:
        value = group[where]
        assert (value[0] if where == "betas" else value) == 0.7


class Whole(Method):
    """Everything trains."""

    def stages(self) -> list[Stage]:
        return [Stage("stage1", trains="all")]


class Two(Whole):
    """Another optimiser for the head."""

    def optimizers(self, trainables: Trainables) -> list[torch.optim.Optimizer]:
        head = [name for name in trainables.parameters if name.startswith("head.")]
        rest = [name for name in trainables.parameters if name not in head]
        return [trainables.optimizer("lion", rest), trainables.optimizer("sgd", head)]


def test_two_optimisers_change_each_its_own_part() -> None:
    """Lion moves each number by the rate, whatever its gradient; the head moves as by plain SGD alone."""
    two, plain = learner(Two(), "vit"), learner(Whole(), "vit")
    start = two.state()
    for one in (two, plain):
        one.train_mode()
        take_step(one, 0, 0)
    after = two.state()
    moved = {name: (after[name] - value).abs() for name, value in start.items() if not name.startswith("head.")}
    assert all(bool(((m - PLAIN.lr).abs() < 1e-6).logical_or(m < 1e-6).all()) for m in moved.values())
    heads: dict[str, Tensor] = {name: value for name, value in plain.state().items() if name.startswith("head.")}
    assert all(torch.equal(after[name], value) for name, value in heads.items())
