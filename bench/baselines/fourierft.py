"""FourierFT: updates given by a few coefficients of their Fourier transform, through the `peft` library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat, PositiveInt
from torch import nn

from bench.methods.peft_method import PeftMethod, projection_seed

if TYPE_CHECKING:
    from peft import FourierFTConfig


class FourierFT(PeftMethod):
    """FourierFT (Gao et al., ICML 2024): ``W + scale Re(IDFT(F))``, F having trained entries at random frozen places.

    Coefficients are 0 at the start; the paper draws them from a standard normal distribution, so that its training does
    not start at the pre-trained network. Places are drawn once for layers of one shape. Defaults are the paper's for
    ViT-B; its matrices are of queries and values, timm's hold keys too.
    """

    title = "FourierFT"
    linear_only = True

    frequencies: PositiveInt = Field(3000, description="coefficients of a layer; all of them where it has fewer")
    scale: PositiveFloat = Field(300.0, description="factor of the update")

    def config(self, layers: dict[str, nn.Module]) -> FourierFTConfig:
        from peft import FourierFTConfig

        sizes = {name: layer.get_parameter("weight").numel() for name, layer in layers.items()}
        return FourierFTConfig(
            n_frequency=self.frequencies,
            n_frequency_pattern={name: size for name, size in sizes.items() if size < self.frequencies},
            scaling=self.scale,
            random_loc_seed=projection_seed(),
            init_weights=True,
            target_modules=list(layers),
        )
