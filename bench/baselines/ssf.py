"""SSF: a trained scale and shift after every linear, convolution and layer-norm layer of a frozen backbone."""

from __future__ import annotations

import torch
from timm.layers import LayerNorm2d
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.methods import Method


class SSF(Method):
    """SSF (Lian et al., NeurIPS 2022): scale and shift after every layer, 1 and 0 at the start.

    That is after the patch embedding, qkv, the attention's output, both layers of the MLP and every layer norm, the
    places of the paper's code; it draws both around 1 and 0 with standard deviation 0.02, ours are exact, so that
    training starts at the frozen backbone. Batch norms get none: frozen, they are affine, and the convolution before
    them has one.
    """

    title = "SSF"
    identity_at_start = True
    undecayed = ("ssf_scale", "ssf_shift")

    def inject(self, backbone: Backbone) -> None:
        for module in backbone.modules():
            width = _channels(module)
            if width is not None:
                shape = (width, 1, 1) if isinstance(module, (nn.Conv2d, LayerNorm2d)) else (width,)
                module.register_parameter("ssf_scale", nn.Parameter(torch.ones(shape)))
                module.register_parameter("ssf_shift", nn.Parameter(torch.zeros(shape)))
                module.register_forward_hook(_scale_and_shift)


def _channels(module: nn.Module) -> int | None:
    if isinstance(module, nn.Linear):
        return module.out_features
    if isinstance(module, nn.Conv2d):
        return module.out_channels
    return module.normalized_shape[-1] if isinstance(module, nn.LayerNorm) else None


def _scale_and_shift(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return output * module.get_parameter("ssf_scale") + module.get_parameter("ssf_shift")
