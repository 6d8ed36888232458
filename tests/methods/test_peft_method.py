"""Methods that change the weights of layers: each against its formula, published counts and the frozen network."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sparing import slow_but
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.backbones.family import WeightsInfo
from bench.backbones.timm_backbone import build
from bench.baselines.boft import BOFT
from bench.baselines.fourierft import FourierFT
from bench.baselines.hra import HRA
from bench.baselines.ia3 import HIDDEN, IA3
from bench.baselines.loha import LoHa
from bench.baselines.lokr import LoKr
from bench.baselines.lora import LoRA
from bench.baselines.oft import OFT
from bench.baselines.randlora import RandLoRA
from bench.baselines.vera import VeRA
from bench.cells.cell import Cell
from bench.cells.notation import Spec
from bench.conformance.methods import frozen_features
from bench.conformance.tiny import tiny_backbone
from bench.core.errors import UsageError
from bench.engine.counting import count
from bench.grid.resolve import resolve_all
from bench.methods import HeadSpec, Method
from bench.methods.build import build_model, check, trainable_names
from bench.methods.rotations import cayley, rotated
from bench.plugins import registry
from bench.plugins.recipe_files import preset
from bench.training.job import stage_jobs
from bench.training.optim import rates
from bench.training.streams import reseed

Parts = dict[str, Tensor]
Weight = tuple[Tensor, Tensor | float]  # the layer's weight and the factor of its bias
SMALL: dict[str, Method] = {
    "lora": LoRA(rank=3, alpha=5), "loha": LoHa(rank=3, alpha=5), "lokr": LoKr(rank=3, alpha=5), "oft": OFT(block=4),
    "boft": BOFT(), "hra": HRA(rank=4), "ia3": IA3(), "vera": VeRA(rank=5), "randlora": RandLoRA(rank=3, alpha=5),
    "fourierft": FourierFT(frequencies=7, scale=50),
}  # fmt: skip
# Numbers added to ViT-B/16, by the papers' formulas: 12 blocks, 768 -> 2304 in attention
COUNTS = {
    "lora": 12 * 8 * (768 + 2304), "adalora": 442_512,
    "loha": 12 * 2 * 8 * (768 + 2304), "oft": 12 * 96 * 28, "oft[block=32]": 142_848,
    "hra": 12 * 8 * 768, "ia3": 12 * (2304 + 3072), "ia3[targets=linear]": 12 * (2304 + 768 + 3072 + 3072),
    "vera": 12 * (256 + 2304), "randlora": 12 * 24 * (32 + 768), "fourierft": 12 * 3000, "boft": 12 * 2 * 192 * 16,
    "lokr": 12 * (48 * 24 + 8 * (48 + 32)), "boft[block=8,targets=linear]": 12 * 2 * 64 * (3 * 96 + 384),
}  # fmt: skip


def parts_of(layer: nn.Module) -> Parts:
    """What is added to a layer, frozen numbers too, without the library's "default"."""
    named = [*layer.named_parameters(recurse=True), *layer.named_buffers(recurse=True)]
    return {name.removesuffix(".default"): value.detach() for name, value in named}


def low_rank(parts: Parts, weight: Tensor) -> Weight:
    return weight + 5 / 3 * parts["lora_B.default.weight"].flatten(1) @ parts["lora_A.default.weight"].flatten(1), 1.0


def hadamard(parts: Parts, weight: Tensor) -> Weight:
    one, other = (parts[f"hada_w{n}_a"] @ parts[f"hada_w{n}_b"] for n in (1, 2))
    return weight + 5 / 3 * one * other, 1.0


def kronecker(parts: Parts, weight: Tensor) -> Weight:
    large = parts["lokr_w2"] if "lokr_w2" in parts else parts["lokr_w2_a"] @ parts["lokr_w2_b"]
    return weight + 5 / 3 * torch.kron(parts["lokr_w1"], large.flatten(1)), 1.0


def rotation(parts: Parts, weight: Tensor) -> Weight:
    places = [(row, column) for row in range(4) for column in range(row + 1, 4)]
    blocks = []
    for triangle in parts["oft"]:
        skew = torch.zeros(4, 4)
        for (row, column), value in zip(places, triangle, strict=True):
            skew[row, column], skew[column, row] = value, -value
        blocks.append((torch.eye(4) - skew) @ torch.linalg.inv(torch.eye(4) + skew))
    return weight @ torch.block_diag(*blocks).T, 1.0


def butterflies(parts: Parts, weight: Tensor) -> Weight:
    return weight @ dense(parts["boft"]).T, 1.0


def dense(blocks: Tensor) -> Tensor:
    """``B_m ... B_1`` by the paper's rule: block k of factor i holds halves h and h + 2^i, where bit i of h is 0."""
    half, product = blocks.shape[-1] // 2, torch.eye(blocks.shape[1] * blocks.shape[2])
    for level, some in enumerate(blocks):
        factor = torch.zeros_like(product)
        firsts = [h for h in range(2 * len(some)) if not h & 2**level]
        for first, block in zip(firsts, some, strict=True):
            skew = (block - block.T) / 2
            turn = (torch.eye(2 * half) - skew) @ torch.linalg.inv(torch.eye(2 * half) + skew)
            rows = [*range(first * half, (first + 1) * half)]
            rows += [row + 2**level * half for row in rows]
            factor[np.ix_(rows, rows)] = turn
        product = factor @ product
    return product


def reflections(parts: Parts, weight: Tensor) -> Weight:
    for vector in parts["hra_u"].T:
        unit = vector / vector.norm()
        weight = weight - 2 * (weight @ unit)[:, None] * unit
    return weight, 1.0


def factors(parts: Parts, weight: Tensor) -> Weight:
    factor = parts["ia3_l"].flatten()
    of_outputs = len(factor) == len(weight) != weight.shape[1] or parts["ia3_l"].shape[0] == len(weight)
    return (weight * factor[:, None], factor) if of_outputs else (weight * factor, 1.0)


def shared_vectors(parts: Parts, weight: Tensor) -> Weight:
    up, down = parts["vera_B"][: len(weight)], parts["vera_A"][:, : weight.shape[1]]
    return weight + parts["vera_lambda_b"][:, None] * up @ (parts["vera_lambda_d"][:, None] * down), 1.0


def mixture(parts: Parts, weight: Tensor) -> Weight:
    small, large = sorted(weight.shape)
    scales, gammas = parts["randlora_lambda"], parts["randlora_gamma"]
    update = torch.zeros(large, small)
    columns = parts["randlora_B"][:large, : len(gammas)].flatten(1)
    for number, gamma in enumerate(gammas):
        part = parts["randlora_A"][:, 0, :small] * gamma
        update += columns[:, number :: len(gammas)] @ (scales[:, number, None] * part)
    return weight + 5 / 3 * (update if weight.shape == update.shape else update.T), 1.0


def waves(layer: nn.Module, parts: Parts, weight: Tensor) -> Weight:
    rows, columns = (torch.arange(size)[:, None] for size in weight.shape)
    update = torch.zeros_like(weight)
    for u, v, value in zip(*layer.indices["default"], parts["fourierft_spectrum"], strict=True):
        angle = 2 * torch.pi * (u * rows / len(weight) + v * columns.T / weight.shape[1])
        update += value * angle.cos() / weight.numel()
    return weight + 50 * update, 1.0


FORMULAS: dict[str, Callable[[Parts, Tensor], Weight]] = {
    "lora": low_rank, "loha": hadamard, "lokr": kronecker, "oft": rotation, "boft": butterflies, "hra": reflections,
    "ia3": factors, "vera": shared_vectors, "randlora": mixture,
}  # fmt: skip


def shaken(method: Method, backbone: Backbone) -> Backbone:
    """The backbone with the method, every added parameter of which has been drawn."""
    before = {id(parameter) for parameter in backbone.parameters()}
    torch.manual_seed(1)
    method.inject(backbone)
    for parameter in backbone.parameters():
        if id(parameter) not in before:
            parameter.data.normal_(std=0.1)
    return backbone


@torch.no_grad()
def by_formula(name: str, changed: Backbone, backbone: Backbone) -> Backbone:
    """A plain backbone whose weights are what the formula makes of the parameters of the changed one."""
    done = 0
    for place, layer in list(backbone.named_modules()):
        own = changed.get_submodule(place) if isinstance(layer, (nn.Linear, nn.Conv2d)) else None
        if own is None or not (hasattr(own, "base_layer") or hasattr(own, name)):
            continue
        weight, parts = layer.get_parameter("weight"), parts_of(own)
        found = waves(own, parts, weight) if name == "fourierft" else FORMULAS[name](parts, weight.flatten(1))
        weight.copy_(found[0].view_as(weight))
        if layer.bias is not None:
            layer.bias.mul_(found[1])
        done += 1
    assert done
    return backbone


CASES = [
    (name, kind, targets) for name in SMALL for kind in ("vit", "cnn", "batch_norm_cnn", "hybrid")
    for targets in ("attention", "linear")
    if not (kind == "batch_norm_cnn" and name in ("vera", "randlora", "fourierft"))
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "targets"), CASES)
def test_outputs_are_those_of_the_weights_that_the_formula_gives(name: str, kind: str, targets: str) -> None:
    method = SMALL[name].model_copy(update={"targets": targets})
    changed, plain = shaken(method, tiny_backbone(kind)), tiny_backbone(kind)
    frozen = frozen_features(plain).tokens
    found, expected = frozen_features(changed).tokens, frozen_features(by_formula(name, changed, plain)).tokens
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert not torch.allclose(expected, frozen, rtol=1e-3, atol=1e-3)


def test_ia3_scales_outputs_of_projections_and_inputs_of_the_second_layer() -> None:
    backbone = tiny_backbone("vit")
    IA3().inject(backbone)
    block = backbone.model.blocks[0]
    assert block.attn.qkv.ia3_l["default"].shape == (192, 1)
    assert block.mlp.fc2.ia3_l["default"].shape == (1, 192)
    assert HIDDEN == "mlp.fc2"
    assert not hasattr(block.mlp.fc1, "ia3_l")


def test_factors_of_ia3_do_not_decay() -> None:
    backbone, recipe = tiny_backbone("vit"), preset("quick").model_copy(update={"weight_decay": 0.1})
    model = build_model(backbone, IA3(), HeadSpec(backbone.spec, 3))
    (job,) = stage_jobs(IA3(), recipe, 0, "last", "here", "source")
    decays = {
        id(p): decay for (_, decay), some in rates(model, trainable_names(model, job.stage), job).items() for p in some
    }
    added = {name: decays[id(model.get_parameter(name))] for name in model.added}
    assert {decay for name, decay in added.items() if "ia3_l" in name} == {0.0}
    assert added["head.fc.weight"] == 0.1


@pytest.mark.parametrize(("name", "expected"), COUNTS.items())
def test_counts_on_vit_b_follow_the_papers(name: str, expected: int) -> None:
    spec = Spec.parse(name)
    with torch.device("meta"):
        backbone = build(WeightsInfo("vit_base_patch16_224", 224, (0.5,) * 3, (0.5,) * 3), None, "b", pretrained=False)
        before = {id(parameter) for parameter in backbone.parameters()}
        registry.load("baselines", spec.name).build(spec.name, spec.params).inject(backbone)
    added = [parameter for parameter in backbone.parameters() if id(parameter) not in before]
    assert sum(parameter.numel() for parameter in added) == expected


def test_boft_has_the_count_that_its_paper_prints_for_deberta() -> None:
    """BOFT with m = 2 and b = 8 in all linear layers of DeBERTaV3-base is 1.33 M there: every entry of a block."""
    layers = 12 * [768, 768, 768, 768, 768, 3072]
    assert sum(2 * width // 8 * 64 for width in layers) == 1_327_104
    assert sum(BOFT(block=8).factors * width // 8 * 64 for width in layers) == 1_327_104


@pytest.mark.parametrize("name", [name for name in SMALL if name != "lora"])
def test_counting_without_weights_costs_and_fits(name: str) -> None:
    [found] = count(resolve_all([Cell.parse(f"digits/vit_tiny_patch16_224/{name}/quick/seed=0")], None), None, None)
    assert not found.problem
    assert found.beyond_probe > 0


@pytest.mark.parametrize("method", [VeRA(), RandLoRA(), FourierFT()], ids=lambda one: one.plugin_name())
def test_linear_layers_alone(method: Method) -> None:
    with pytest.raises(UsageError, match=r"updates linear layers alone; .* is a convolution\. Choose"):
        check(tiny_backbone("batch_norm_cnn"), method)


@pytest.mark.parametrize("method", [OFT(block=24), BOFT(block=48), BOFT(factors=6)], ids=str)
def test_blocks_that_do_not_fill_inputs_are_refused(method: Method) -> None:
    with pytest.raises(UsageError, match=r"reads 64 numbers\. Set smaller blocks"):
        check(tiny_backbone("vit"), method)


@pytest.mark.parametrize("method", SMALL.values(), ids=SMALL)
def test_no_depthwise_convolution_is_touched(method: Method) -> None:
    backbone = tiny_backbone("cnn")
    grouped = {name for name, module in backbone.named_modules() if getattr(module, "groups", 1) > 1}
    before = {name: type(module) for name, module in backbone.named_modules()}
    method.inject(backbone)
    assert grouped
    for name in grouped:
        layer = backbone.get_submodule(name)
        assert type(layer) is before[name]
        assert not layer._forward_pre_hooks
        assert set(dict(layer.named_parameters())) <= {"weight", "bias"}


@pytest.mark.parametrize("name", ["vera", "randlora", "fourierft"])
def test_frozen_draws_come_from_the_seed_alone(name: str) -> None:
    def drawn(seed: int, noise: int) -> list[Tensor]:
        backbone = tiny_backbone("vit")
        torch.manual_seed(noise)
        reseed(seed, "init")
        SMALL[name].inject(backbone)
        layer = backbone.get_submodule("model.blocks.0.attn.qkv")
        return [*layer.buffers(), layer.indices["default"]] if name == "fourierft" else [*layer.buffers()]

    first, again, other = drawn(0, 1), drawn(0, 2), drawn(1, 1)
    assert first
    assert all(torch.equal(one, same) for one, same in zip(first, again, strict=True))
    assert not any(torch.equal(one, another) for one, another in zip(first, other, strict=True))


def test_random_parts_of_randlora_are_in_single_precision_with_deviation_one() -> None:
    backbone = tiny_backbone("vit")
    RandLoRA().inject(backbone)
    buffers = list(backbone.get_submodule("model.blocks.0.attn.qkv").buffers())
    assert {buffer.dtype for buffer in buffers} == {torch.float32}
    assert [round(float(buffer.std()), 4) for buffer in buffers] == [1.0, 1.0]


@pytest.mark.parametrize("level", range(4))
def test_factors_of_boft_mix_all_inputs_only_when_there_are_enough(level: int) -> None:
    """16 numbers in blocks of 4 are 8 halves: log2(8) = 3 factors reach every one from every other."""
    torch.manual_seed(0)
    blocks = torch.randn(level + 1, 4, 4, 4) if level < 3 else torch.randn(3, 4, 4, 4)
    turned = rotated(torch.eye(16), cayley((blocks - blocks.mT) / 2))
    torch.testing.assert_close(turned, dense(blocks), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(turned @ turned.T, torch.eye(16), rtol=0, atol=1e-5)
    assert int((turned.abs() > 1e-6).sum(1).min()) == (16 if level >= 2 else 4 * 2**level)


def test_oft_equals_the_library_on_tokens() -> None:
    from peft import OFTConfig

    from bench.methods.peft_method import put_into

    ours, theirs = tiny_backbone("vit"), tiny_backbone("vit")
    shaken(OFT(block=8), ours)
    put_into(theirs, OFTConfig(oft_block_size=8, use_cayley_neumann=False, target_modules=["qkv"]))
    for name, parameter in theirs.named_parameters():
        if "oft_R" in name:
            parameter.data.copy_(ours.get_parameter(name.partition(".oft_R")[0] + ".oft"))
    torch.testing.assert_close(frozen_features(ours).tokens, frozen_features(theirs).tokens, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "method"), slow_but(SMALL.items(), "vera", "boft"))
def test_a_copy_computes_the_same_and_shares_what_was_shared(name: str, method: Method) -> None:
    backbone = shaken(method, tiny_backbone("vit"))
    again = copy.deepcopy(backbone)
    torch.testing.assert_close(frozen_features(again).tokens, frozen_features(backbone).tokens, rtol=0, atol=0)
    assert len(list(again.buffers())) == len(list(backbone.buffers()))
