"""timm's architectures that are not like the others: what their tokens are, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from bench.backbones.adding import Given, add
from bench.backbones.family import WeightsInfo
from bench.backbones.timm_backbone import TimmBackbone, build
from bench.core.errors import UsageError
from bench.methods.build import check
from bench.plugins import registry


def facts(arch: str, size: int) -> WeightsInfo:
    return WeightsInfo(arch, size, (0.5,) * 3, (0.5,) * 3)


def backbone(arch: str, size: int = 224) -> TimmBackbone:
    """With random weights of the smallest kind; where only shapes count, without any memory."""
    return build(facts(arch, size), None, arch, pretrained=False)


@pytest.mark.parametrize(
    ("arch", "prefix", "grid"),
    [
        ("volo_d1_224", 1, (14, 14)),
        ("coat_lite_tiny", 1, (7, 7)),
        ("cait_xxs24_224", 1, (14, 14)),
        ("xcit_nano_12_p16_224", 1, (14, 14)),
        ("deit_tiny_distilled_patch16_224", 2, (14, 14)),
        ("vit_relpos_small_patch16_224", 0, (14, 14)),
        ("mvitv2_tiny", 0, (7, 7)),
        ("mvitv2_base_cls", 1, (7, 7)),
        ("mixer_s32_224", 0, (7, 7)),
        ("levit_128s", 0, (4, 4)),
        ("twins_svt_small", 0, (7, 7)),
        ("tnt_s_patch16_224", 1, (14, 14)),
        ("resnet10t", 0, (7, 7)),
        ("pit_ti_224", 1, (0,)),
        ("pit_ti_distilled_224", 2, (0,)),
    ],
)
def test_tokens_are_the_patches(arch: str, prefix: int, grid: tuple[int, ...]) -> None:
    with torch.device("meta"):
        made = backbone(arch)
        final = made.model.forward_features(made.blank())
    assert made.prefix == prefix
    assert made.spec.grid == grid
    flat = final.flatten(2).transpose(1, 2) if final.ndim == 4 else final
    assert flat.shape[1] == prefix + made.spec.tokens


@pytest.mark.parametrize("arch", ["coat_lite_tiny", "pit_ti_224"])
def test_tokens_are_those_of_the_backbone_after_its_class_token(arch: str) -> None:
    torch.manual_seed(0)
    made = backbone(arch)
    inputs = torch.rand(2, *made.input_shape)
    with torch.no_grad():
        assert torch.equal(made(inputs).tokens, made.model.forward_features(inputs)[:, 1:])


@pytest.mark.parametrize("arch", ["crossvit_tiny_240", "coat_tiny", "efficientvim_m1"])
def test_a_backbone_without_one_list_of_tokens_is_refused(arch: str) -> None:
    size = timm.get_pretrained_cfg(arch).input_size[-1]
    with torch.device("meta"), pytest.raises(UsageError, match=rf"{arch} gives \d separate features"):
        backbone(arch, size)


@pytest.mark.parametrize("arch", ["crossvit_tiny_240", "efficientvim_m1"])
def test_it_is_refused_when_added_and_leaves_no_file(tmp_path: Path, arch: str) -> None:
    save_file(timm.create_model(arch).state_dict(), tmp_path / "mine.safetensors")
    (tmp_path / "weights").mkdir()
    with pytest.raises(UsageError, match=arch):
        add(tmp_path / "mine.safetensors", Given(arch), tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


def test_an_encoder_of_a_language_model_is_refused() -> None:
    with torch.device("meta"), pytest.raises(UsageError, match="no classifier of images"):
        backbone("mobilenetv5_300m_enc", 768)


@pytest.mark.parametrize(("method", "fits"), [("cladapter", False), ("linear_probe", True), ("full_finetune", True)])
def test_heads_that_read_tokens_need_some(method: str, fits: bool) -> None:
    made = backbone("pit_ti_224")
    built = registry.load("baselines", method).build(method, {})
    if fits:
        check(made, built)
    else:
        with pytest.raises(UsageError, match=r"cladapter reads tokens .* pit_ti_224 gives none"):
            check(made, built)
