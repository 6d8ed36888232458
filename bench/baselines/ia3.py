"""IA3: trained factors on keys, values and the MLP's hidden units of a frozen backbone, through the `peft` library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from bench.backbones.attention import projections
from bench.backbones.base import Backbone
from bench.methods import ParamGroup, Stage
from bench.methods.peft_method import PeftMethod

if TYPE_CHECKING:
    from peft import IA3Config

HIDDEN = "mlp.fc2"  # timm's name of the layer that reads the hidden units


class IA3(PeftMethod):
    """IA3 (Liu et al., NeurIPS 2022): a factor for each key, value and hidden unit, 1 at the start.

    timm has one layer for queries, keys and values, so queries have factors too. Factors are not decayed: decay would
    pull them to 0. Without attention, or with ``targets=linear``, every layer's outputs have factors.
    """

    title = "(IA)³"

    def stages(self) -> list[Stage]:
        return [Stage("stage1", groups=(ParamGroup("backbone.*ia3_l.*", weight_decay=0.0),))]

    def layers(self, backbone: Backbone) -> list[str]:
        found = super().layers(backbone)
        if self.targets == "linear" or not projections(backbone):
            return found
        return [*found, *(name for name, _ in backbone.named_modules() if name.endswith(HIDDEN))]

    def config(self, layers: dict[str, nn.Module]) -> IA3Config:
        from peft import IA3Config

        return IA3Config(
            target_modules=list(layers), feedforward_modules=[name for name in layers if name.endswith(HIDDEN)]
        )
