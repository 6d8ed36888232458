"""Adaptation methods against their released code, published counts and the frozen network."""

from __future__ import annotations

import copy

import pytest
import torch
from peft_cases import CASES, HALF, facts, ours, output, released, tensors
from torch import Tensor

from bench.backbones.base import Backbone
from bench.backbones.family import WeightsInfo
from bench.backbones.lift import lifted
from bench.backbones.timm_backbone import TimmBackbone, build
from bench.baselines.adapter import Adapter
from bench.baselines.arc import ARC
from bench.baselines.bi_adaptformer import BiAdaptFormer
from bench.baselines.compacter import Compacter
from bench.baselines.convpass import Convpass
from bench.baselines.dtl import DTL
from bench.baselines.fact import FacT, Factors, TuckerCore
from bench.baselines.lorand import LoRand
from bench.baselines.lst import LST
from bench.baselines.mona import Mona
from bench.baselines.repadapter import RepAdapter
from bench.baselines.vfm_adapter import VFMAdapter
from bench.cells.notation import Spec
from bench.conformance.tiny import tiny_backbone
from bench.core.errors import UsageError
from bench.methods import Method
from bench.methods.blocks import AdaptedConvBlock, OnGrid, Seams, adapt_blocks
from bench.methods.build import check
from bench.methods.linear import AdaptedLinear, merge
from bench.plugins import registry

METHODS: list[Method] = [
    Adapter(place="houlsby"), Adapter(place="pfeiffer"), Adapter(place="intermediate"), Adapter(), Convpass(),
    Convpass(place="attention"), FacT(), FacT(form="tk"), FacT(form="tk", defect=False), RepAdapter(), BiAdaptFormer(),
    Compacter(), ARC(), LST(), LST(every=3), DTL(), DTL(plus=True),
]  # fmt: skip
# Numbers that a method adds to ViT-B/16, its head not counted, as the released modules have them
COUNTS = {
    "adapter[place=houlsby]": 313_536, "adapter[place=houlsby,bottleneck=64]": 2_379_264,
    "adapter[place=intermediate]": 156_768, "adapter[place=pfeiffer]": 175_200, "adapter": 165_984,
    "convpass": 327_552, "convpass[place=attention]": 163_776, "fact": 61_440, "fact[form=tk,rank=32]": 86_528,
    "repadapter": 239_808, "bi_adaptformer": 589_824, "compacter": 57_088, "compacter[place=mlp]": 28_576,
    "arc": 96_432, "lst": 2_376_492, "dtl": 36_864, "dtl[plus=true]": 43_776,
}  # fmt: skip


def named(method: Method) -> str:
    return str(Spec(method.plugin_name(), method.changed()))


def random(arch: str, size: int, **model_args: object) -> TimmBackbone:
    torch.manual_seed(0)
    return build(WeightsInfo(arch, size, HALF, HALF, model_args=model_args), None, arch, pretrained=False)


def vit(**model_args: object) -> TimmBackbone:
    small = {"img_size": 32, "embed_dim": 32, "depth": 3, "num_heads": 2, "patch_size": 8}
    return random("vit_tiny_patch16_224", 32, **{**small, **model_args})


def inputs(backbone: Backbone) -> Tensor:
    return torch.randn(2, *backbone.input_shape, generator=torch.Generator().manual_seed(0))


def shaken(method: Method, backbone: Backbone) -> Backbone:
    """The backbone with the method, every added parameter of which has been drawn."""
    before = {id(parameter) for parameter in backbone.parameters()}
    method.inject(backbone)
    for parameter in backbone.parameters():
        if id(parameter) not in before:
            parameter.data.normal_(std=0.3)
    return backbone.eval()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-10), (torch.float32, 3e-6)], ids=["double", "single"])
def test_tokens_loss_and_gradients_are_those_of_the_released_code(name: str, dtype: torch.dtype, close: float) -> None:
    backbone, added = released(name)
    backbone.to(dtype)
    found = output(name, backbone)
    loss = (tensors(name)["input/probe"].to(dtype) * found).sum()
    loss.backward()
    expected = tensors(name)["output/tokens"]
    assert (found.double() - expected).abs().max() <= close
    wanted = ours(name, "grad", backbone)
    for key in added:
        gradient = backbone.get_parameter(key).grad
        assert gradient is not None, key
        assert (gradient.double() - wanted[key]).abs().max() <= close * wanted[key].abs().max(), key
    assert abs(loss.item() - tensors(name)["output/loss"].item()) <= close * found.numel()
    assert sum(backbone.get_parameter(key).numel() for key in added) == facts(name)["added_parameters"]


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_counts_on_vit_b_are_those_of_the_released_modules(name: str, count: int) -> None:
    spec = Spec.parse(name)
    method = registry.load("baselines", spec.name).build(spec.name, spec.params)
    with torch.device("meta"):
        backbone = random("vit_base_patch16_224", 224)
        before = {id(parameter) for parameter in backbone.parameters()}
        method.inject(backbone)
    assert sum(p.numel() for p in backbone.parameters() if id(p) not in before) == count


@pytest.mark.parametrize("method", METHODS, ids=named)
def test_registers_no_class_token_and_volumes_are_taken(method: Method) -> None:
    backbones: list[Backbone] = [
        vit(reg_tokens=4), vit(class_token=False, global_pool="avg"), lifted(vit(reg_tokens=2), "slices", 3),
    ]  # fmt: skip
    for backbone in backbones:
        check(backbone, method)
        features = shaken(method, backbone)(inputs(backbone))
        assert features.tokens.shape == (2, backbone.spec.tokens, backbone.spec.token_dim)
        assert features.tokens.isfinite().all()


@pytest.mark.parametrize("method", [*METHODS, Mona(), VFMAdapter(), LoRand()], ids=named)
@pytest.mark.parametrize("way", ["slices", "inflate"])
def test_volumes_are_taken_slice_by_slice(method: Method, way: str) -> None:
    check(lifted(vit(), way, 3), method)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", [Convpass(), DTL(plus=True)], ids=named)
@pytest.mark.parametrize("registers", [0, 4])
def test_convolutions_see_patches_alone(method: Method, registers: int) -> None:
    backbone, first = shaken(method, vit(reg_tokens=registers)), registers + 1
    layer = next(module for module in backbone.modules() if isinstance(module, OnGrid))
    tokens = torch.randn(1, first + 16, layer.inner.weight.shape[0])  # type: ignore[union-attr, index]

    def touched(place: int) -> list[int]:
        moved = tokens.clone()
        moved[:, place] += 1
        return ((layer(moved) - layer(tokens)).abs().amax(2)[0] > 1e-6).nonzero().flatten().tolist()

    assert touched(first + 5) == [first + place for place in (0, 1, 2, 4, 5, 6, 8, 9, 10)]  # row 1, column 1 of 4 x 4
    assert [touched(place) for place in range(first)] == [[place] for place in range(first)]


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        *((method, kind) for method in (RepAdapter(), ARC()) for kind in ("vit", "hybrid", "cnn")),
        *((FacT(form=form, defect=defect), kind) for form, defect in (("tt", True), ("tk", True), ("tk", False))
          for kind in ("vit", "hybrid")),
    ],
    ids=str,
)  # fmt: skip
def test_merged_gives_the_same_outputs(method: Method, kind: str) -> None:
    backbone = shaken(method, tiny_backbone(kind)).double()
    assert any(isinstance(module, AdaptedLinear) for module in backbone.modules())
    with torch.no_grad():
        before = backbone(inputs(backbone).double())
        merge(backbone)
        after = backbone(inputs(backbone).double())
    assert not any(isinstance(module, AdaptedLinear) for module in backbone.modules())
    torch.testing.assert_close(after.tokens, before.tokens, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["repadapter", "repadapter_attn"])
def test_merged_layers_are_those_of_the_released_code(name: str) -> None:
    backbone, _ = released(name)
    merge(backbone)
    merged = {key: value for key, value in tensors(name).items() if key.startswith("merged/")}
    assert merged
    for key, value in merged.items():
        found = backbone.model.get_parameter(key.removeprefix("merged/"))
        assert (found - value).abs().max() <= 3e-6, key


def test_tuckers_paper_form_multiplies_each_piece_with_its_own_core() -> None:
    """Piece j of the MLP's first layer is ``x U C_j V``, the second layer sums ``x_j U C_j V``; not so as released."""
    torch.manual_seed(0)
    factors, columns, low = Factors(8, 3, 10), slice(2, 6), torch.randn(5, 3)
    cores = [factors.core @ factors.columns[:, 2 + piece] for piece in range(4)]
    rows = torch.cat([low @ core for core in cores], dim=1)
    torch.testing.assert_close(low @ TuckerCore(factors, columns, 1, 4, False)(), rows)
    wide = torch.randn(5, 12)
    summed = torch.stack([wide[:, 3 * piece : 3 * piece + 3] @ cores[piece] for piece in range(4)]).sum(0)
    torch.testing.assert_close(wide @ TuckerCore(factors, columns, 4, 1, False)(), summed)
    assert not torch.allclose(low @ TuckerCore(factors, columns, 1, 4, True)(), rows)


@pytest.mark.parametrize("arch", ["convnext_atto", "test_convnext"])  # their MLPs are 1x1 convolutions; linear layers
def test_a_block_of_convnext_without_adapters_computes_the_same(arch: str) -> None:
    backbone = random(arch, 64).eval()
    frozen = copy.deepcopy(backbone)
    adapt_blocks(backbone, "nobody", lambda number, dim: Seams(), convnext=True)
    assert any(isinstance(module, AdaptedConvBlock) for module in backbone.modules())
    with torch.no_grad():
        torch.testing.assert_close(backbone(inputs(backbone)).tokens, frozen(inputs(backbone)).tokens)


@pytest.mark.parametrize("method", [Adapter(), Convpass(), BiAdaptFormer(), Compacter()], ids=named)
def test_convnext_with_1x1_convolutions_is_taken_too(method: Method) -> None:
    check(random("convnext_atto", 64), method)


@pytest.mark.parametrize(
    ("method", "arch", "words"),
    [
        (RepAdapter(), "convnext_atto", "needs linear layers attn.qkv or mlp.fc1"),
        (RepAdapter(place="attention"), "test_convnext", "needs linear layers attn.qkv"),
        (Convpass(place="attention"), "test_convnext", "needs the blocks"),
        (Adapter(), "resnet18", "needs the blocks"),
        (FacT(), "test_convnext", "works on vit and hybrid"),
        (LST(), "swin_tiny_patch4_window7_224", "works on vit"),
        (LST(reduction=5), "test_vit", "Set another reduction"),
        (DTL(start=6), "test_vit", "Set it lower"),
        (Compacter(terms=3), "test_vit", "must divide"),
        (RepAdapter(bottleneck=9, groups=3), "test_vit", "must divide"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_in_words(method: Method, arch: str, words: str) -> None:
    backbone = random(arch, 224 if "swin" in arch else 160)
    with pytest.raises(UsageError, match=words):
        check(backbone, method)
