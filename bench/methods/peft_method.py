"""Methods whose updates of a frozen backbone's layers come from the `peft` library."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from bench.backbones.attention import updated_layers
from bench.backbones.base import Backbone
from bench.core.errors import UsageError
from bench.methods.base import Method
from bench.plugins.contract import must_define

if TYPE_CHECKING:
    from peft import PeftConfig


class PeftMethod(Method):
    """Base of methods that put layers of `peft` in the place of a backbone's; one subclass a file in ``baselines/``.

    Subclasses give `config`. What they draw at random, frozen projections too, comes from torch's global generator, so
    that a saved model draws it again from the cell's seed.

    Attributes:
        linear_only: The library updates linear layers alone; backbones with 1x1 convolutions among the targets are
            refused.
    """

    identity_at_start = True
    linear_only: ClassVar[bool] = False

    targets: Literal["attention", "linear"] = Field(
        "attention",
        description="projections to queries, keys and values; or all linear layers and 1x1 convolutions, as always "
        "where a backbone has no attention (CNNs, mixers)",
    )

    @must_define
    def config(self, layers: dict[str, nn.Module]) -> PeftConfig:
        """The library's configuration for the layers to update, by name.

        Raises:
            UsageError: A layer does not fit.
        """
        raise NotImplementedError

    def inject(self, backbone: Backbone) -> None:
        layers = {name: backbone.get_submodule(name) for name in self.layers(backbone)}
        convolution = next((name for name, layer in layers.items() if not isinstance(layer, nn.Linear)), None)
        if self.linear_only and convolution is not None:
            raise UsageError(
                f"{self.plugin_name()} updates linear layers alone; {convolution} of {backbone.info.arch} is a "
                "convolution. Choose another backbone or method."
            )
        put_into(backbone, self.config(layers))

    def layers(self, backbone: Backbone) -> list[str]:
        """Names of the layers to update.

        Raises:
            UsageError: The backbone has none.
        """
        return updated_layers(backbone, self.targets, self.plugin_name())


def put_into(backbone: Backbone, config: PeftConfig) -> None:
    """Replace layers of a backbone by those of the library, in place."""
    from peft import PEFT_TYPE_TO_TUNER_MAPPING, PeftType

    # on the CPU, since the library's own generators live there; it moves what it adds to where the layers are
    with torch.device("cpu"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        PEFT_TYPE_TO_TUNER_MAPPING[PeftType(config.peft_type)](backbone, config, "default")


def projection_seed() -> int:
    """A seed for the library's own generators, from torch's global one."""
    return int(torch.randint(2**31 - 1, (), device="cpu"))
