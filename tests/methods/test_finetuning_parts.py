"""Fine-tuning of parts, with penalties and with ranks that are cut: against released numbers, a library, and rules."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft.tuners.adalora.layer import RankAllocator
from safetensors.torch import load_file
from torch import Tensor

from bench.baselines.adalora import DOWN, UP, VALUES, AdaLoRA
from bench.baselines.bss import BSS, smallest
from bench.baselines.gradual import Gradual
from bench.baselines.surgical import Surgical
from bench.conformance.stages import take_step
from bench.conformance.subjects import images
from bench.conformance.tiny import tiny_backbone
from bench.core.errors import UsageError
from bench.methods import Method, Step
from bench.methods.build import check_family
from bench.methods.depth import groups_from_the_top, part_of
from bench.training.learner import Learner
from tests.methods.test_finetuning import PLAIN, learner, trained

REFERENCE = Path(__file__).parent.parent / "fixtures" / "finetune_refs.safetensors"
DECAYING = PLAIN.model_copy(update={"weight_decay": 0.1, "optimizer": "adamw"})


def values_of(made: Learner) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in made.model.state_dict().items()}


def moved(made: Learner, before: dict[str, Tensor]) -> set[str]:
    return {name for name, p in made.model.named_parameters() if not torch.equal(p, before[name])}


@pytest.mark.parametrize("k", [1, 3])
def test_bss_is_that_of_the_transfer_learning_library(k: int) -> None:
    known = load_file(REFERENCE)
    features = known["bss/features"].float().requires_grad_(True)
    penalty = smallest(features, k)
    penalty.backward()
    torch.testing.assert_close(penalty.double(), known[f"bss/k{k}"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(features.grad.double(), known[f"bss/grad_k{k}"], rtol=1e-4, atol=1e-5)


def test_bss_shrinks_the_smallest_singular_value() -> None:
    found = {eta: trained(BSS(eta=eta), "vit", 8) for eta in (0.0, 1.0)}
    sizes = {}
    for eta, made in found.items():
        made.eval_mode()
        with torch.no_grad():
            sizes[eta] = smallest(made.features(images()).pooled, 1)
    assert sizes[1.0] < 0.5 * sizes[0.0]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("backbone.model.blocks.11.attn.qkv.weight", 11), ("backbone.model.layers.2.blocks.5.mlp.fc1.bias", 2),
        ("backbone.model.stages.0.blocks.1.conv_dw.weight", 0), ("backbone.model.layer3.0.conv1.weight", 3),
        ("backbone.backbone.model.blocks.3.norm1.weight", 3), ("backbone.model.patch_embed.proj.weight", None),
        ("backbone.model.norm.weight", None), ("head.layers.2.weight", None),
    ],
)  # fmt: skip
def test_parts_are_read_from_names(name: str, part: int | None) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize("kind", ["vit", "cnn", "hybrid"])
def test_surgical_moves_its_blocks_and_the_classifier(kind: str) -> None:
    made = learner(Surgical(first=1), kind)
    before = values_of(made)
    made.train_mode()
    for step in range(2):
        take_step(made, 0, step)
    names = moved(made, before)
    assert names
    assert {name for name in names if name.startswith("backbone.")} <= {n for n in before if part_of(n) == 1}
    assert {"head.fc.weight", "head.fc.bias"} <= names


@pytest.mark.parametrize("method", [Surgical(first=40), Surgical(first=0, last=40), Surgical(first=1, last=0)], ids=str)
def test_surgical_refuses_blocks_that_are_not_there(method: Method) -> None:
    with pytest.raises(UsageError, match=r"surgical trains blocks .* has 0 to 5"):
        check_family(tiny_backbone("vit"), method)


@pytest.mark.parametrize("kind", ["vit", "cnn", "hybrid"])
def test_gradual_frees_parts_from_the_top_without_decay_of_the_rest(kind: str) -> None:
    made = learner(Gradual(share=0.8), kind, DECAYING)
    groups = groups_from_the_top(made.trainable)
    assert sorted(name for group in groups for name in group) == sorted(made.trainable)
    assert "head.fc.weight" in groups[0]
    assert not any("blocks" in name or "stages" in name for name in groups[-1])
    before, total = values_of(made), 10 * PLAIN.epochs
    made.train_mode()
    seen = set()
    for number in range(int(0.8 * total) + 1):
        take_step(made, number // 10, number % 10)
        free = int(len(groups) * number / (0.8 * total)) + 1
        frozen = {name for group in groups[free:] for name in group}
        assert not moved(made, before) & frozen, number
        seen.add(free)
    assert seen == set(range(1, len(groups) + 2))
    assert any(name in moved(made, before) for name in groups[-1])


LETTERS = {DOWN: "A", VALUES: "E", UP: "B"}


def copied(step: Step) -> SimpleNamespace:
    """What AdaLoRA adds, with its gradients, under the library's names."""
    found = {}
    for name, p in step.trained.items():
        place, _, part = name.rpartition(".")
        if part in LETTERS:
            found[f"{place}.lora_{LETTERS[part]}.default"] = twin = p.detach().clone().requires_grad_(True)
            twin.grad = p.grad.clone()
    return SimpleNamespace(named_parameters=found.items, of=found)


class Watched(AdaLoRA):
    """Beside each cut, that of the library's allocator on copies of the same numbers and gradients."""

    def after_step(self, step: Step) -> None:
        number, last, twin = step.number + 1, int(self.end * step.total), copied(step)
        if not COUNTS:
            given = {"tinit": int(self.start * step.total), "tfinal": step.total - last, "total_step": step.total}
            fixed = {"beta1": self.smoothing, "beta2": self.smoothing, "target_r": self.rank, "deltaT": self.every}
            LIBRARY[:] = [RankAllocator(twin, SimpleNamespace(**given, **fixed), "default"), None]
        allocator, pattern = LIBRARY
        if number <= last:
            _, found = allocator.update_and_allocate(twin, number, force_mask=number == last)
            LIBRARY[1] = found or pattern
        else:
            allocator.mask_using_rank_pattern(twin, pattern)
        super().after_step(step)
        ours = copied(step).of
        assert all(torch.equal(ours[name], twin.of[name]) for name in ours), number
        COUNTS.append(sum(int(p.count_nonzero()) for name, p in ours.items() if "lora_E" in name))


COUNTS: list[int] = []
LIBRARY: list[Any] = []


def test_adalora_cuts_what_the_library_cuts() -> None:
    COUNTS.clear()
    made = learner(Watched(initial=6, rank=3, every=3, alpha=6, targets="linear"), "vit", DECAYING)
    layers = sum(name.endswith(VALUES) for name in made.trainable)
    made.train_mode()
    for number in range(10 * PLAIN.epochs):
        take_step(made, number // 10, number % 10)
    assert (COUNTS[0], COUNTS[-1]) == (6 * layers, 3 * layers)
    assert len(set(COUNTS)) > 3
    assert len({int(made.model.get_parameter(n).count_nonzero()) for n in made.trainable if n.endswith(VALUES)}) > 1


def test_adaloras_penalty_is_the_distance_from_orthogonal_vectors() -> None:
    made = learner(AdaLoRA(initial=3, rank=2, orthogonal=0.5), "vit")
    method, far = AdaLoRA(initial=3, rank=2, orthogonal=0.5), []
    for name, p in made.model.named_parameters():
        rows = p if name.endswith(DOWN) else p.T if name.endswith(UP) else None
        if rows is not None:
            gaps = [(rows[i] @ rows[j] - float(i == j)) ** 2 for i in range(3) for j in range(3)]
            far.append(torch.stack(gaps).sum().sqrt())
    found = method.extra_loss(made.model, None)  # type: ignore[arg-type]
    torch.testing.assert_close(found, 0.5 * torch.stack(far).mean())


@pytest.mark.parametrize("fields", [{"initial": 8, "rank": 8}, {"start": 0.5, "end": 0.5}])
def test_adalora_refuses_what_cannot_fall(fields: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="rank must be below initial, and start before end"):
        AdaLoRA.build("adalora", fields)
