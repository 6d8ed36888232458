"""DELTA against its released code's numbers, and a training loop written here."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.baselines.delta import DELTA, attention_of, channels_last, distance, levels_of, maps_of, without
from bench.conformance.subjects import images
from bench.conformance.tiny import tiny_backbone
from bench.core.errors import UsageError
from bench.methods.build import check_family
from bench.methods.model import Model
from tests.methods.test_finetuning import PLAIN, TARGETS, by_hand, refs, same, trained


def test_delta_weighs_channels_as_released_code() -> None:
    for level in ("l0", "l1"):
        found = attention_of(refs()[f"delta/importance/{level}"])
        torch.testing.assert_close(found, refs()[f"delta/attention/{level}"], rtol=1e-12, atol=1e-12)


def test_delta_pulls_maps_as_released_code() -> None:
    levels = ("l0", "l1")
    source = [refs()[f"delta/source/{level}"].flatten(2) for level in levels]
    target = [refs()[f"delta/target/{level}"].clone().requires_grad_() for level in levels]
    flat, weights = [one.flatten(2) for one in target], [refs()[f"delta/attention/{level}"] for level in levels]
    torch.testing.assert_close(distance(flat, source, None), refs()["delta/feature_map"])
    weighed = distance(flat, source, weights)
    torch.testing.assert_close(weighed, refs()["delta/attention_feature_map"])
    for gradient, level in zip(torch.autograd.grad(weighed, target), levels, strict=True):
        torch.testing.assert_close(gradient, refs()[f"delta/grad/{level}"])


def maps_by_hand(model: nn.Module, kind: str) -> list[tuple[nn.Module, int]]:
    """The modules whose outputs are the levels of a tiny backbone, and their axis of channels."""
    if kind == "vit":
        return [(model.blocks[n], 2) for n in (0, 2, 3, 5)]  # type: ignore[index, union-attr]
    return [(model.stages[n], 1) for n in range(4)]  # type: ignore[index, union-attr]


@pytest.mark.parametrize("kind", ["vit", "cnn"])
@pytest.mark.parametrize("attention", [True, False])
def test_delta_is_a_loop_written_here(kind: str, attention: bool) -> None:
    """Two steps; the second measures again, with the head of the first."""
    frozen, rises = tiny_backbone(kind).eval(), [torch.zeros(0)] * 4
    heads: list[nn.Module] = []

    def outputs_of(model: nn.Module, backbone: nn.Module) -> list[Tensor]:
        found: list[Tensor] = []
        places = maps_by_hand(backbone, kind)
        hooks = [m.register_forward_hook(lambda _, __, out, a=a: found.append(out.movedim(a, 1))) for m, a in places]
        model(images())
        for hook in hooks:
            hook.remove()
        return found

    def rise(place: int, head: nn.Module) -> Tensor:
        module, axis = maps_by_hand(frozen.model, kind)[place]
        losses = []
        for channel in range(outputs_of(frozen, frozen.model)[place].shape[1]):

            def zeroed(_: nn.Module, __: object, out: Tensor, channel: int = channel) -> Tensor:
                out = out.clone()
                out.movedim(axis, 0)[channel] = 0
                return out

            hook = module.register_forward_hook(zeroed)
            losses.append(cross_entropy(head(frozen(images())), TARGETS))
            hook.remove()
        return torch.stack(losses) - cross_entropy(head(frozen(images())), TARGETS)

    def step(model: Model, optimizer: torch.optim.Optimizer) -> None:
        heads.append(copy.deepcopy(model.head).eval())
        with torch.no_grad():
            before = outputs_of(frozen, frozen.model)
            weights = []
            for place in range(len(before) if attention else 0):
                measured = rise(place, heads[0])
                rises[place] = measured if len(heads) == 1 else rises[place] + measured
                mean = rises[place] / len(heads)
                score = (mean - mean.mean()) / (mean - mean.mean()).square().mean().sqrt()
                weights.append(torch.exp(score / 5) / torch.exp(score / 5).sum())
        optimizer.zero_grad()
        own = outputs_of(model, model.backbone.model)  # type: ignore[arg-type]
        loss = cross_entropy(model(images()), TARGETS)
        for place, (new, old) in enumerate(zip(own, before, strict=True)):
            positions = new[0, 0].numel()
            squares = (new - old).square().sum(dim=tuple(range(2, new.ndim)))
            scale = new.shape[1] * weights[place] / positions if attention else torch.ones(new.shape[1])
            loss = loss + 0.3 / 2 * (squares * scale).sum()
        loss = loss + 0.2 / 2 * sum(p.square().sum() for p in model.head.parameters())
        loss.backward()
        optimizer.step()

    method = DELTA(alpha=0.3, beta=0.2, attention=attention, batches=2)
    made = trained(method, kind, 2, PLAIN.model_copy(update={"stage2_lr": 1.0}))
    same(made.model.state_dict(), by_hand(kind, 2, method, step).state_dict())


def test_delta_reads_maps_whose_channels_are_last() -> None:
    """Swin's; with a channel zeroed, that one and no other is zero."""
    backbone, found = tiny_backbone("hybrid").eval(), list[Tensor]()
    modules = levels_of(backbone)
    assert list(modules.values()) == [backbone.model.layers[0], backbone.model.layers[1]]
    modules["1"].register_forward_hook(lambda _, __, out: found.append(out))
    hook = modules["1"].register_forward_hook(partial(without, channel=3, last=channels_last(backbone)))
    with maps_of(backbone) as maps, torch.no_grad():
        backbone(images())
    hook.remove()
    expected = found[0].clone()
    assert expected[..., 3].any()
    expected[..., 3] = 0
    assert torch.equal(maps["1"], expected.permute(0, 3, 1, 2).flatten(2))


def test_delta_counts_samples_of_the_batch_and_not_of_its_parts() -> None:
    recipe = PLAIN.model_copy(update={"stage2_lr": 1.0})
    method = DELTA(alpha=0.3, attention=False)
    whole, parts = (trained(method, "vit", 2, recipe.model_copy(update={"accumulate": n})) for n in (1, 3))
    same(parts.state(), whole.state())


def test_delta_names_what_it_does_not_fit() -> None:
    backbone = tiny_backbone("vit")
    del backbone.model.feature_info
    with pytest.raises(UsageError, match=r"delta needs a backbone whose feature maps timm names; \S+ has none"):
        check_family(backbone, DELTA())
