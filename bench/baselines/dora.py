"""DoRA: LoRA on the direction of the weights, with a trained magnitude."""

from __future__ import annotations

from bench.backbones.base import Backbone
from bench.baselines.lora import LoRA
from bench.core.errors import UsageError


class DoRA(LoRA):
    """DoRA (Liu et al., ICML 2024): LoRA on the weights' direction, with trained norms.

    As in the paper (section 4.3), gradients take the norm of the updated weights for a constant. The paper updates the
    layers of the MLP as well; here ``targets=linear`` does.
    A filter of zeros has no direction, so weights that hold one (folded or pruned CNNs) are refused.
    """

    title = "DoRA"
    weight_decomposed = True

    def layers(self, backbone: Backbone) -> list[str]:
        found = super().layers(backbone)
        for name in found:
            weight = backbone.get_parameter(f"{name}.weight")
            # models without weights (counting) live on the meta device and hold no values
            if not weight.is_meta and (weight.flatten(1).norm(dim=1) == 0).any():
                raise UsageError(
                    f"dora: {backbone.info.arch} has a filter of zeros in {name}. Use lora, or other weights."
                )
        return found
