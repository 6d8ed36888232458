"""Ways to fine-tune, each against a training loop written here, or numbers of its authors' released code."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.baselines.ema import EMA
from bench.baselines.muon import Muon
from bench.baselines.sam import SAM
from bench.baselines.wise_ft import WiSEFT, mixed
from bench.cells.recipes import Recipe
from bench.conformance.stages import take_step
from bench.conformance.subjects import BATCH, CLASSES, TASK, images, spec_of
from bench.conformance.tiny import tiny_backbone
from bench.core.errors import UsageError
from bench.methods import Memory, Method, Selected, Step
from bench.methods.build import build_model, trainable_names
from bench.methods.model import Model
from bench.plots.choice import choice
from bench.records import Store
from bench.training.job import stage_jobs
from bench.training.learner import Learner
from bench.training.streams import reseed
from tests.engine.conftest import RunCells

TARGETS = torch.arange(BATCH) % CLASSES
PLAIN = Recipe(schedule="constant", lr=0.01, weight_decay=0.0, optimizer="sgd", momentum=0.9)


def learner(method: Method, kind: str, recipe: Recipe = PLAIN) -> Learner:
    """Of the method's last stage."""
    job = stage_jobs(method, recipe, 0, "last", "context", "source")[-1]
    backbone = tiny_backbone(kind)
    reseed(0, "init")
    model = build_model(copy.deepcopy(backbone), method, spec_of(backbone))
    return Learner(job, TASK, model, trainable_names(model, job.stage), backbone.eval(), steps_per_epoch=10)


def trained(method: Method, kind: str, steps: int, recipe: Recipe = PLAIN) -> Learner:
    """After some steps on one batch."""
    made = learner(method, kind, recipe)
    made.train_mode()
    for step in range(steps):
        take_step(made, 0, step)
    return made


def by_hand(kind: str, steps: int, method: Method, step_of: Callable[[Model, torch.optim.Optimizer], None]) -> Model:
    """The same start, trained by a loop of the test's own."""
    reseed(0, "init")
    model = build_model(tiny_backbone(kind), method, spec_of(tiny_backbone(kind))).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for _ in range(steps):
        step_of(model, optimizer)
    return model


def same(found: dict[str, Tensor], expected: dict[str, Tensor], exact: bool = False) -> None:
    for name, value in found.items():
        torch.testing.assert_close(
            value,
            expected[name],
            rtol=0 if exact else 1e-4,
            atol=0 if exact else 1e-5,
            msg=lambda m, n=name: f"{n}: {m}",
        )


@cache
def refs() -> dict[str, Tensor]:
    """Numbers of released code: SAM, DELTA, WiSE-FT and timm's average; their sources are in the file's metadata."""
    return load_file(Path(__file__).parent.parent / "fixtures" / "finetune_refs.safetensors")


def below(prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in refs().items() if name.startswith(prefix)}


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("kind", ["vit", "batch_norm_cnn"])
def test_sam_is_two_passes_of_a_loop_written_here(kind: str, adaptive: bool) -> None:
    """Batch norm included: its running statistics move once a step, by the first pass."""

    def step(model: Model, optimizer: torch.optim.Optimizer) -> None:
        model.zero_grad()
        cross_entropy(model(images()), TARGETS).backward()
        statistics = {n: b.clone() for n, b in model.named_buffers()}
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        before = {n: p.detach().clone() for n, p in model.named_parameters()}
        weigh = {n: before[n].abs() if adaptive else torch.ones_like(g) for n, g in gradients.items()}
        length = sum(float((weigh[n] * g).square().sum()) for n, g in gradients.items()) ** 0.5
        with torch.no_grad():
            for n, p in model.named_parameters():
                if n in gradients:
                    p += 0.1 / length * weigh[n] ** 2 * gradients[n]
        model.zero_grad()
        cross_entropy(model(images()), TARGETS).backward()
        with torch.no_grad():
            for n, p in model.named_parameters():
                p.copy_(before[n])
            for n, b in model.named_buffers():
                b.copy_(statistics[n])
        optimizer.step()

    method = SAM(rho=0.1, adaptive=adaptive)
    found = trained(method, kind, 3).model.state_dict()
    same(found, by_hand(kind, 3, method, step).state_dict())
    assert not torch.equal(found["head.fc.weight"], trained(SAM(rho=0.5), kind, 3).model.head.fc.weight)


@pytest.mark.parametrize("case", ["sgd", "sgd_adaptive", "adamw", "adamw_adaptive"])
def test_sam_steps_as_released_code(case: str) -> None:
    """Three steps of davda54/sam in double precision."""
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    model.load_state_dict(below("sam/start/"))
    adaptive = case.endswith("adaptive")
    kind = torch.optim.SGD if case.startswith("sgd") else torch.optim.AdamW
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01} if kind is torch.optim.SGD else {
        "lr": 0.01, "weight_decay": 0.1
    }  # fmt: skip
    optimizer = kind(model.parameters(), **options)  # type: ignore[arg-type]
    method, x, y = SAM(rho=0.5 if adaptive else 0.05, adaptive=adaptive), refs()["sam/x"], refs()["sam/y"]

    def closure() -> None:
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()

    class Engine:
        def update(self, clip: bool) -> None:
            optimizer.step()

    step = Step(
        model, x, y, len(y), 0, 3, None, None, dict(model.named_parameters()), None, [optimizer], Memory(), Engine()
    )  # type: ignore[arg-type]  # fmt: skip
    for _ in range(3):
        method.optimize(step, closure)
    expected = below(f"sam/{case}/")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", ["vit", "batch_norm_cnn"])
@pytest.mark.parametrize("warmup", [True, False])
def test_ema_is_timms(kind: str, warmup: bool) -> None:
    """The average after five steps is what timm's class makes of the same steps; the weights are those without it."""
    method = EMA(decay=0.6, warmup=warmup)
    averages: list[ModelEmaV3] = []

    def step(model: Model, optimizer: torch.optim.Optimizer) -> None:
        if not averages:
            averages.append(ModelEmaV3(model, decay=0.6, use_warmup=warmup))
            averages[0].step = 0  # type: ignore[assignment]
        model.zero_grad()
        cross_entropy(model(images()), TARGETS).backward()
        optimizer.step()
        averages[0].step += 1  # type: ignore[operator]
        averages[0].update(model, step=averages[0].step)  # type: ignore[arg-type]

    made = trained(method, kind, 5)
    plain = by_hand(kind, 5, method, step)
    same(made.model.state_dict(), plain.state_dict())
    same(made.memory.evaluated, averages[0].module.state_dict())
    weights, average = made.model.state_dict()["head.fc.weight"].clone(), made.memory.evaluated["head.fc.weight"]
    assert not torch.equal(weights, average)
    with made.evaluating():
        assert torch.equal(made.model.state_dict()["head.fc.weight"], average)
    assert torch.equal(made.model.state_dict()["head.fc.weight"], weights)


def test_ema_keeps_the_average_as_the_best_state() -> None:
    made = trained(EMA(decay=0.6, warmup=False), "vit", 4)
    made.end_epoch(0.0, 0.5, {}, None)
    same(made.best, made.memory.evaluated, exact=True)
    assert not torch.equal(made.best["head.fc.weight"], made.model.state_dict()["head.fc.weight"])


@pytest.mark.parametrize("alpha", [0.3, 0.5])
def test_wise_ft_mixes_as_released_code(alpha: float) -> None:
    for name, value in mixed(below("sam/start/"), below("wiseft/finetuned/"), alpha).items():
        torch.testing.assert_close(value, refs()[f"wiseft/alpha{alpha}/{name}"], rtol=1e-12, atol=1e-12)


def selected(scores: dict[float, float]) -> tuple[Selected, Model]:
    """A finished second stage whose score is made up for each mean of its two ends, the weights 0 and 1."""
    method = WiSEFT()
    made = learner(method, "batch_norm_cnn")
    start = {name: torch.zeros_like(value) for name, value in made.state().items()}
    end = {name: torch.ones_like(value) for name, value in made.state().items()}

    def score() -> float:
        return scores[round(float(made.model.state_dict()["head.fc.weight"][0, 0]), 3)]

    return Selected(made.model, made.job.stage, PLAIN, end, start, score, TASK.headline), made.model


@pytest.mark.parametrize(("best", "expected"), [((0.3,), 0.3), ((1.0,), 1.0), ((0.4, 0.8), 0.4), ((), 0.0)])
def test_wise_ft_takes_the_share_that_validation_likes_best(best: tuple[float, ...], expected: float) -> None:
    """Of equals the smallest; the whole model is then that mean, its whole numbers those of the end."""
    given, model = selected({round(n / 10, 1): 0.9 if n / 10 in best else 0.2 for n in range(11)})
    told = WiSEFT().finish(given)
    assert told["choice"]["chosen"] == expected
    assert told["choice"]["values"] == [n / 10 for n in range(11)]
    assert told["choice"]["scores"] == [0.9 if n / 10 in best else 0.2 for n in range(11)]
    for name, value in model.state_dict().items():
        if name in given.state:
            assert float(value.float().mean()) == pytest.approx(
                expected if value.is_floating_point() else 1.0, abs=1e-5
            )


def test_wise_ft_in_a_run_is_the_mean_of_its_two_stages(run_cells: RunCells, tmp_path: Path) -> None:
    """A fixed share of 0 is the linear probe, of 1 staged fine-tuning, whose name it is (LP-FT)."""
    methods = ["wise_ft[alpha=0.0]", "wise_ft[alpha=1.0]", "linear_probe", "staged_finetune", "wise_ft"]
    done = run_cells(tmp_path, methods, backbone="tiny_batch_norm_cnn")
    assert not done.failed
    store = Store(tmp_path)
    probe, staged, none, whole, chosen = (store.get(done.cells[n]) for n in (2, 3, 0, 1, 4))
    assert probe
    assert staged
    assert none
    assert whole
    assert chosen
    assert none.metrics["test"] == probe.metrics["test"]
    assert whole.metrics["test"] == staged.metrics["test"]
    told = chosen.diagnostics["stage2"]["choice"]
    assert told["scores"][0] == pytest.approx(probe.metrics["val"]["accuracy"])
    assert told["scores"][-1] == pytest.approx(staged.metrics["val"]["accuracy"])
    assert chosen.metrics["val"]["accuracy"] == pytest.approx(max(told["scores"]))
    assert told["scores"][told["values"].index(told["chosen"])] == max(told["scores"])
    chart = choice(chosen)
    assert [point["score"] for point in chart.points] == told["scores"]
    assert [point["value"] for point in chart.points if point["chosen"]] == [told["chosen"]]
    assert f"alpha = {told['chosen']:g}" in chart.heading
    with pytest.raises(UsageError, match="No choice after any stage"):
        choice(probe)
    assert chosen.test_evaluations == 2


@pytest.mark.parametrize("kind", ["vit", "cnn"])
def test_muon_is_newton_schulz_written_here_and_adamw_for_the_rest(kind: str) -> None:
    """One step, on the directions in which each matrix has most of its gradient."""
    recipe = Recipe(schedule="constant", lr=0.01, weight_decay=0.0)
    method = Muon()
    made = learner(method, kind, recipe)
    start = made.state()
    made.train_mode()
    take_step(made, 0, 0)
    matrices = 0
    for name, parameter in made.trained.items():
        moved, gradient = start[name] - parameter.detach(), parameter.grad
        assert gradient is not None
        inside = name.startswith("backbone.") and name.endswith("weight") and parameter.ndim >= 2
        if not inside or parameter.shape[1] <= 3:
            expected = torch.where(gradient == 0, 0.0, 0.01 * gradient / (gradient.abs() + 1e-8))  # AdamW's first step
            torch.testing.assert_close(moved, expected, rtol=1e-3, atol=1e-5)
            continue
        matrices += 1
        rows, columns = parameter.flatten(1).shape
        expected = 0.01 * 0.2 * max(rows, columns) ** 0.5 * orthogonalised(gradient.flatten(1))
        left, sizes, right = torch.linalg.svd(gradient.flatten(1).double(), full_matrices=False)
        large = sizes > 0.1 * sizes.norm()  # timm multiplies in bfloat16, in which small ones are noise
        found, wanted = (left.T @ one.double() @ right.T for one in (moved.flatten(1), expected))
        far = (found - wanted)[large][:, large].norm() / wanted[large][:, large].norm()
        assert float(far) < 0.05, f"{name}: {far}"
    assert matrices > 5


def orthogonalised(matrix: Tensor) -> Tensor:
    """Jordan's quintic iteration in double precision."""
    x = matrix.double() / matrix.double().norm()
    x = x.T if len(matrix) > matrix.shape[1] else x
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.T if len(matrix) > matrix.shape[1] else x).float()
