"""The layers whose meaning on volumes is known; a model with another one is refused, not inflated in part."""

from __future__ import annotations

from typing import Literal

from timm import layers
from timm.layers import grn
from timm.models import _efficientnet_blocks as inverted
from timm.models import convnext, efficientnet, mobilenetv3, regnet, resnet, vision_transformer
from torch import nn

from bench.core.errors import UsageError

_ANYWHERE = (
    nn.Identity, nn.Sequential, nn.Linear, nn.Dropout, nn.Conv2d, nn.Flatten, nn.LayerNorm, layers.LayerNorm,
    layers.Mlp, layers.DropPath,
    nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.Tanh,
    layers.GELU, layers.GELUTanh, layers.Swish, layers.HardSwish, layers.HardSigmoid, layers.Sigmoid, layers.QuickGELU,
)  # fmt: skip
_VIT = (
    vision_transformer.VisionTransformer, vision_transformer.Block, vision_transformer.LayerScale,
    layers.PatchEmbed, layers.Attention, layers.RmsNorm,
)  # fmt: skip
_CNN = (
    convnext.ConvNeXt, convnext.ConvNeXtStage, convnext.ConvNeXtBlock,
    efficientnet.EfficientNet, mobilenetv3.MobileNetV3, regnet.RegNet, regnet.RegStage, regnet.Bottleneck,
    resnet.ResNet, resnet.BasicBlock, resnet.Bottleneck,
    inverted.DepthwiseSeparableConv, inverted.InvertedResidual, inverted.ConvBnAct, inverted.SqueezeExcite,
    layers.Conv2dSame, layers.ConvNormAct, layers.SEModule, layers.EffectiveSEModule,
    nn.BatchNorm2d, layers.BatchNormAct2d, layers.LayerNorm2d, grn.GlobalResponseNorm, layers.GlobalResponseNormMlp,
    nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, layers.SelectAdaptivePool2d, layers.AvgPool2dSame,
    layers.ClassifierHead, layers.NormMlpClassifierHead,
)  # fmt: skip
_KNOWN = {"vit": frozenset(_ANYWHERE + _VIT), "cnn": frozenset(_ANYWHERE + _CNN)}


def check_known(model: nn.Module, name: str, family: Literal["vit", "cnn"]) -> None:
    """Check that a model consists of known layers, in a known arrangement.

    Raises:
        UsageError: With the first layer that is not known.
    """
    for place, module in model.named_modules():
        if type(module) not in _KNOWN[family]:
            raise _refused(name, f"{place or 'the model'} is a {type(module).__name__}")
    if getattr(model, "dynamic_img_size", False):
        raise _refused(name, "its positions are resized at each pass (dynamic_img_size)")
    if getattr(model, "pool_include_prefix", False):
        raise _refused(name, "it pools class tokens together with patches (pool_include_prefix)")


def _refused(name: str, why: str) -> UsageError:
    return UsageError(f"{name} cannot be inflated: {why}, whose meaning on volumes is not known. Use lift=slices.")
