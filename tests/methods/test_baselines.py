"""Each baseline against something that does not share its code: formulas, autograd, the frozen backbone."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from bench.backbones import Features
from bench.backbones.timm_backbone import TimmBackbone
from bench.baselines.adaptformer import AdaptFormer
from bench.baselines.bitfit import BitFit
from bench.baselines.dora import DoRA
from bench.baselines.l2_sp import L2SP
from bench.baselines.lora import LoRA
from bench.baselines.mora import MoRA, square_side, update
from bench.baselines.ssf import SSF
from bench.baselines.staged_finetune import StagedFinetune
from bench.baselines.vpt import VPT
from bench.conformance.subjects import images
from bench.conformance.tiny import tiny_backbone
from bench.core.errors import UsageError
from bench.methods import Batch, HeadSpec, Method
from bench.methods.build import build_model, check, trainable_names
from bench.methods.model import Model
from bench.plugins import registry

CLASSES = 5
NOTHING = Features(torch.zeros(1, 1, 1), torch.zeros(1, 1))
KINDS = ("vit", "cnn", "batch_norm_cnn")


def model_of(method: Method, kind: str) -> Model:
    torch.manual_seed(0)
    return build_model(tiny_backbone(kind), method, HeadSpec(tiny_backbone(kind).spec, CLASSES)).eval()


def trained(model: Model, method: Method) -> int:
    """Parameters of the first stage, without the linear classifier."""
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    return sum(sizes[name] for name in trainable_names(model, method.stages()[0]) if not name.startswith("head."))


def dimensions(backbone: TimmBackbone) -> tuple[int, int]:
    """Width and depth of a ViT."""
    return backbone.model.embed_dim, len(backbone.model.blocks)  # type: ignore[arg-type, return-value]


ZERO_START = {
    "lora": (LoRA(), KINDS),
    "lora-linear": (LoRA(targets="linear"), KINDS),
    "dora": (DoRA(), KINDS),
    "mora": (MoRA(), KINDS),
    "mora-linear": (MoRA(targets="linear"), KINDS),
    "ssf": (SSF(), KINDS),
    "adaptformer": (AdaptFormer(), ("vit",)),
}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, (_, kinds) in ZERO_START.items() for kind in kinds])
def test_zero_start_equals_the_frozen_backbone(name: str, kind: str) -> None:
    method, backbone = ZERO_START[name][0], tiny_backbone(kind)
    model = model_of(method, kind)
    with torch.no_grad():
        frozen, adapted = backbone(images()), model.backbone(images())
    torch.testing.assert_close(adapted.tokens, frozen.tokens, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(adapted.pooled, frozen.pooled, rtol=1e-5, atol=1e-5)
    for added in model.added:
        if not added.startswith("head."):
            nn.init.normal_(model.get_parameter(added), std=0.5)
    assert not torch.allclose(model.backbone(images()).pooled, frozen.pooled, rtol=0, atol=1e-5)


def test_l2_sp_gradient_is_that_of_the_formula() -> None:
    method = L2SP(alpha=0.3, beta=0.7)
    model = model_of(method, "cnn")
    start = {f"backbone.{n}": p.detach().clone() for n, p in tiny_backbone("cnn").named_parameters()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    penalty = method.extra_loss(model, Batch(NOTHING, torch.zeros(1), start))
    penalty.backward()
    total = 0.0
    for name, parameter in model.named_parameters():
        weight, centre = (0.7, torch.zeros(())) if name.startswith("head.") else (0.3, start[name])
        torch.testing.assert_close(parameter.grad, weight * (parameter.detach() - centre))
        total += weight / 2 * float((parameter.detach() - centre).square().sum())
    assert float(penalty.detach()) == pytest.approx(total, rel=1e-4)


def test_l2_sp_is_zero_only_at_the_start() -> None:
    method = L2SP(beta=0)
    model = model_of(method, "vit")
    start = {name: p.detach().clone() for name, p in model.named_parameters() if name.startswith("backbone.")}
    assert method.extra_loss(model, Batch(NOTHING, torch.zeros(1), start)).item() == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cls", [LoRA, DoRA])
def test_merged_weights_equal_unmerged(cls: type[LoRA], kind: str) -> None:
    from peft.tuners.tuners_utils import BaseTunerLayer

    model = model_of(cls(rank=3, alpha=5.0, targets="linear"), kind)
    for name in model.added:
        if "lora_B" in name:
            nn.init.normal_(model.get_parameter(name), std=0.05)
    with torch.no_grad():
        unmerged = model(images())
        layers = [module for module in model.backbone.modules() if isinstance(module, BaseTunerLayer)]
        for layer in layers:
            layer.merge()
        merged = model(images())
    assert layers
    torch.testing.assert_close(merged, unmerged, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(unmerged, model_of(cls(targets="linear"), kind)(images()), atol=1e-3)


def test_lora_counts_follow_the_formula() -> None:
    width, depth = dimensions(tiny_backbone("vit"))
    method = LoRA(rank=3)
    assert trained(model_of(method, "vit"), method) == depth * 3 * (width + 3 * width)
    assert trained(model_of(DoRA(rank=3), "vit"), DoRA(rank=3)) == depth * (3 * (width + 3 * width) + 3 * width)


def test_adaptformer_counts_follow_the_formula() -> None:
    width, depth = dimensions(tiny_backbone("vit"))
    method = AdaptFormer(bottleneck=7)
    assert trained(model_of(method, "vit"), method) == depth * (2 * width * 7 + 7 + width)


@pytest.mark.parametrize("variant", ["shallow", "deep"])
def test_vpt_counts_follow_the_formula(variant: str) -> None:
    width, depth = dimensions(tiny_backbone("vit"))
    method = VPT(variant=variant, prompts=4)  # type: ignore[arg-type]
    assert trained(model_of(method, "vit"), method) == (depth if variant == "deep" else 1) * 4 * width


def test_ssf_counts_follow_the_formula() -> None:
    backbone = tiny_backbone("vit")
    width, depth = dimensions(backbone)
    hidden = backbone.model.blocks[0].mlp.fc1.out_features  # type: ignore[index, union-attr]
    outputs = (
        width + depth * (width + 3 * width + width + width + hidden + width) + width
    )  # patches, blocks, final norm
    assert trained(model_of(SSF(), "vit"), SSF()) == 2 * outputs


@pytest.mark.parametrize("kind", KINDS)
def test_bitfit_trains_every_bias_and_nothing_else(kind: str) -> None:
    layers = [module for module in tiny_backbone(kind).modules() if isinstance(getattr(module, "bias", None), Tensor)]
    assert trained(model_of(BitFit(), kind), BitFit()) == sum(module.bias.numel() for module in layers)


def test_staged_finetune_trains_the_classifier_first() -> None:
    model = model_of(StagedFinetune(), "vit")
    first, second = (trainable_names(model, stage) for stage in StagedFinetune().stages())
    assert first == ["head.fc.weight", "head.fc.bias"]
    assert second == [name for name, _ in model.named_parameters()]


def vpt_by_hand(backbone: TimmBackbone, prompts: list[Tensor]) -> Tensor:
    """Deep prompt tuning written as a loop over blocks; the shallow variant hands in one prompt."""
    vit, first = backbone.model, backbone.prefix
    x = vit.norm_pre(vit._pos_embed(vit.patch_embed(images())))  # type: ignore[operator]
    count = prompts[0].shape[1]
    for depth, block in enumerate(vit.blocks):  # type: ignore[arg-type]
        if depth < len(prompts):
            patches = x[:, first:] if depth == 0 else x[:, first + count :]
            x = torch.cat([x[:, :first], prompts[depth].expand(len(x), -1, -1), patches], 1)
        x = block(x)
    return vit.norm(x)[:, first + count :]  # type: ignore[operator]


@pytest.mark.parametrize("variant", ["shallow", "deep"])
def test_vpt_equals_a_loop_over_blocks(variant: str) -> None:
    model = model_of(VPT(variant=variant, prompts=3), "vit")  # type: ignore[arg-type]
    prompts = [parameter for name, parameter in model.named_parameters() if name.endswith("prompt")]
    with torch.no_grad():
        expected = vpt_by_hand(tiny_backbone("vit"), prompts)
        torch.testing.assert_close(model.backbone(images()).tokens, expected, rtol=1e-4, atol=1e-5)


def test_an_injected_backbone_survives_a_copy() -> None:
    for method in (VPT(), SSF(), AdaptFormer(), LoRA()):
        model = model_of(method, "vit")
        torch.testing.assert_close(copy.deepcopy(model)(images()), model(images()))


@pytest.mark.parametrize("name", ["vpt", "adaptformer"])
def test_vit_methods_refuse_a_cnn(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} works on vit backbones"):
        check(tiny_backbone("cnn"), registry.load("baselines", name)())


@pytest.mark.parametrize("name", ["vpt", "adaptformer", "lora", "dora", "ssf"])
def test_other_transformers_are_refused_before_training(name: str) -> None:
    import timm

    from bench.backbones.family import WeightsInfo

    arch = "eva02_tiny_patch14_224"  # reads qkv.weight directly, so hooks and wrapped layers would do nothing
    info = WeightsInfo(arch, 28, (0.5,) * 3, (0.5,) * 3)
    eva = TimmBackbone(timm.create_model(arch, num_classes=0, img_size=28, depth=1), info, 28)
    assert eva.spec.family == "vit"
    with pytest.raises(UsageError, match=arch):
        check(eva, registry.load("baselines", name)())


def test_dora_refuses_filters_without_a_direction() -> None:
    backbone = tiny_backbone("vit")
    check(backbone, DoRA())
    with torch.no_grad():
        backbone.get_parameter("model.blocks.0.attn.qkv.weight")[3] = 0
    check(backbone, LoRA())
    with pytest.raises(UsageError, match=r"filter of zeros in model\.blocks\.0\.attn\.qkv"):
        check(backbone, DoRA())


def test_mora_has_no_more_parameters_than_lora_of_its_rank_and_nearly_as_many() -> None:
    lora, mora = (trained(model_of(method, "vit"), method) for method in (LoRA(rank=8), MoRA(rank=8)))
    assert 0.9 * lora < mora <= lora
    assert square_side(3 * 768, 768, 8) == 156  # floor(sqrt(8 * 3072)) is 156
    assert square_side(64, 4, 100) == 4  # never wider than the input


def test_mora_equals_the_formula_piece_by_piece_and_has_the_matrix_rank() -> None:
    """Pairs (j, j + side/2) of piece i turn by i / 10000^(2j / side), written as complex numbers."""
    inputs, outputs, side = 10, 14, 4
    generator = torch.Generator().manual_seed(0)
    x, matrix = torch.randn(3, inputs, generator=generator), torch.randn(side, side, generator=generator)
    padded = torch.cat([x, x[:, :2]], dim=1)
    expected = []
    for piece in range(3):
        part = padded[:, piece * side : (piece + 1) * side]
        turned = torch.complex(part[:, :2], part[:, 2:]) * torch.polar(
            torch.ones(2), torch.tensor([piece * 1.0, piece / 100.0])
        )
        expected.append(torch.cat([turned.real, turned.imag], dim=1) @ matrix.T)
    strung = torch.cat([*expected, *expected], dim=1)[:, :outputs]
    torch.testing.assert_close(update(x, matrix, outputs), strung)
    whole = update(torch.eye(inputs), matrix, outputs)
    assert torch.linalg.matrix_rank(whole) > side
