"""VFM-Adapter, Mona and LoRand against formulas written again, published counts and the frozen network."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.backbones.family import WeightsInfo
from bench.backbones.timm_backbone import build
from bench.baselines.lorand import LoRand, LowRankLinear
from bench.baselines.mona import Mona, MonaAdapter
from bench.baselines.vfm_adapter import HybridAdapter, KernelGenerator, VFMAdapter, convolved
from bench.conformance.tiny import tiny_backbone
from bench.core.errors import UsageError
from bench.methods import Method
from bench.methods.blocks import AdaptedBlock, Seams, adapt_blocks

SAM_B = 89_670_912  # parameters of SAM-B's image encoder at 1024 px
HALF = (0.5, 0.5, 0.5)


def backbone_of(arch: str, size: int, **model_args: object) -> Backbone:
    info = WeightsInfo(arch, size, HALF, HALF, model_args=dict(model_args))
    return build(info, None, arch, pretrained=False)


def tiny_sam() -> Backbone:
    small = dict(img_size=80, embed_dim=24, depth=3, num_heads=2, global_attn_indexes=(2,), window_size=3)
    return backbone_of("samvit_base_patch16", 80, **small)


BACKBONES: dict[str, Callable[[], Backbone]] = {
    "vit": lambda: tiny_backbone("vit"),
    "swin": lambda: tiny_backbone("hybrid"),
    "sam": tiny_sam,
}


def images(backbone: Backbone, count: int = 2) -> Tensor:
    return torch.randn(count, *backbone.input_shape, generator=torch.Generator().manual_seed(0))


def added(method: Method, backbone: Backbone) -> int:
    before = sum(p.numel() for p in backbone.parameters())
    method.inject(backbone)
    return sum(p.numel() for p in backbone.parameters()) - before


@pytest.mark.parametrize("kind", BACKBONES)
def test_a_block_without_adapters_computes_the_same_bits(kind: str) -> None:
    backbone = BACKBONES[kind]().eval()
    frozen = copy.deepcopy(backbone)
    adapt_blocks(backbone, "nobody", lambda number, dim: Seams())
    with torch.no_grad():
        assert torch.equal(backbone(images(backbone)).tokens, frozen(images(backbone)).tokens)


@pytest.mark.parametrize("kind", BACKBONES)
@pytest.mark.parametrize("method", [VFMAdapter(), LoRand()], ids=["vfm_adapter", "lorand"])
def test_zero_start_is_the_frozen_output_exactly(kind: str, method: Method) -> None:
    backbone = BACKBONES[kind]().eval()
    frozen = copy.deepcopy(backbone)
    method.inject(backbone)
    backbone.eval()
    with torch.no_grad():
        now, before = backbone(images(backbone)), frozen(images(backbone))
    assert torch.equal(now.tokens, before.tokens)
    assert torch.equal(now.pooled, before.pooled)


def test_mona_does_not_start_at_the_frozen_output() -> None:
    backbone = tiny_backbone("hybrid")
    frozen = copy.deepcopy(backbone)
    Mona().inject(backbone)
    with torch.no_grad():
        assert not torch.allclose(backbone.eval()(images(backbone)).tokens, frozen(images(backbone)).tokens)


def test_vfm_adapter_has_the_published_share_of_sam_b() -> None:
    with torch.device("meta"):
        shares = [added(VFMAdapter(bottleneck=width), backbone_of("samvit_base_patch16", 1024)) / SAM_B
                  for width in (32, 64)]  # fmt: skip
        backbone = sum(p.numel() for p in backbone_of("samvit_base_patch16", 1024).parameters())
    assert backbone == SAM_B
    assert [f"{share:.2%}" for share in shares] == ["2.81%", "4.17%"]


def test_mona_adds_the_published_number_to_swin_b() -> None:
    with torch.device("meta"):
        assert f"{added(Mona(), backbone_of('swin_base_patch4_window7_224', 224)) / 1e6:.2f}" == "3.67"


def test_lorand_has_the_published_shares_of_swin_b() -> None:
    with torch.device("meta"):
        swin = backbone_of("swin_base_patch4_window7_224", 224)
        size = sum(p.numel() for p in swin.parameters())
        shares = [added(LoRand(branches=number), copy.deepcopy(swin)) / size for number in (4, 2)]
    assert [f"{share:.2%}" for share in shares] == ["2.73%", "1.39%"]


def test_kernels_follow_the_formula_written_again() -> None:
    torch.manual_seed(0)
    generator = KernelGenerator(width=4, low_dim=3, queries=5)
    adapter = HybridAdapter(dim=6, generator=generator, scale=0.1, dropout=0.0)
    x = torch.randn(2, 3, 4, 6)
    found = adapter.kernels(x).detach().numpy()
    first, last = adapter.keys[0], adapter.keys[2]
    for image in range(2):
        places = x[image].reshape(12, 6).numpy()
        keys = np.maximum(places @ array(first.weight).T + array(first.bias), 0) @ array(last.weight).T + array(
            last.bias
        )
        code = np.zeros(64)
        for query in array(generator.queries):
            likeness = np.exp(keys @ query)
            code += (likeness / likeness.sum()) @ keys
        low = (array(generator.expand.weight) @ code + array(generator.expand.bias)).reshape(4, 3)
        for source in range(4):
            rows = array(generator.project.weight) @ low[source] + array(generator.project.bias)
            np.testing.assert_allclose(found[image, :, source], rows.reshape(4, 3, 3), rtol=1e-4, atol=1e-5)


def array(parameter: Tensor | nn.Module) -> np.ndarray:
    assert isinstance(parameter, Tensor)
    return parameter.detach().double().numpy()


def test_each_image_is_convolved_with_its_own_kernel() -> None:
    torch.manual_seed(0)
    maps, kernels = torch.randn(3, 2, 5, 4), torch.randn(3, 2, 2, 3, 3)
    alone = [torch.nn.functional.conv2d(maps[i : i + 1], kernels[i], padding=1) for i in range(3)]
    torch.testing.assert_close(convolved(maps, kernels), torch.cat(alone))


def test_another_image_gives_another_kernel_and_the_generator_is_shared() -> None:
    backbone = tiny_backbone("vit")
    VFMAdapter().inject(backbone)
    blocks = [module for module in backbone.modules() if isinstance(module, AdaptedBlock)]
    adapters = [[beside.inner for beside in block.beside] for block in blocks]  # type: ignore[union-attr]
    assert len({id(pair[0].shared[0]) for pair in adapters}) == 1
    assert {id(pair[0].shared[0]) for pair in adapters} != {id(pair[1].shared[0]) for pair in adapters}
    tokens = torch.randn(2, 2, 2, backbone.spec.token_dim)
    kernels = adapters[0][0].kernels(tokens)
    assert not torch.allclose(kernels[0], kernels[1])
    copied = copy.deepcopy(backbone)
    inner = next(m for m in copied.modules() if isinstance(m, HybridAdapter))
    assert inner.shared[0] is copied.generators[0]  # type: ignore[index]


def test_mona_follows_the_formula_written_again() -> None:
    torch.manual_seed(0)
    mona, x = MonaAdapter(dim=5, width=3, dropout=0.0), torch.randn(2, 7, 8, 5)
    inner = 1e-6 * torch.nn.functional.layer_norm(x, (5,)) + x
    maps = torch.nn.functional.linear(inner, mona.down.weight, mona.down.bias).permute(0, 3, 1, 2)
    depthwise = torch.zeros_like(maps)
    for layer in mona.filter.filters:
        for channel in range(3):
            one = torch.nn.functional.conv2d(
                maps[:, channel : channel + 1], layer.weight[channel : channel + 1], padding="same"
            )
            depthwise[:, channel] += (one[:, 0] + layer.bias[channel]) / 3
    maps = maps + depthwise
    maps = (
        maps
        + torch.einsum("bchw,oc->bohw", maps, mona.filter.mix.weight[:, :, 0, 0])
        + mona.filter.mix.bias.view(1, 3, 1, 1)
    )
    expected = torch.nn.functional.gelu(maps).permute(0, 2, 3, 1) @ mona.up.weight.T + mona.up.bias
    torch.testing.assert_close(mona(x), expected)


def test_lorand_weight_is_the_sum_of_products() -> None:
    torch.manual_seed(0)
    layer = LowRankLinear(6, 4, branches=3, rank=2)
    summed = sum(layer.left[i] @ layer.core[i] @ layer.right[i] for i in range(3))
    torch.testing.assert_close(layer.weight(), summed)
    assert torch.linalg.matrix_rank(layer.weight()) == 4  # three products of rank 2


def test_other_blocks_are_refused_with_a_fix() -> None:
    with pytest.raises(UsageError, match="mona needs the blocks of timm's plain Vision Transformer, SAM or Swin"):
        Mona().inject(tiny_backbone("cnn"))
