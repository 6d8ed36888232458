"""CoOp: learnable prompt contexts."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones import Features
from bench.methods import HeadSpec, Method
from bench.methods.prompts import PromptTexts, drawn_context
from bench.methods.text import unit


class CoOp(Method):
    """CoOp: context vectors before each class name, trained through the frozen text encoder (Zhou et al., IJCV 2022).

    The released code trains by SGD at 2e-3 with batch 32 and a cosine schedule, keeps weight decay at 5e-4 and reports
    the last epoch. The class name stands at the end, followed by a full stop.
    """

    title = "CoOp"
    needs_tokens = False
    needs_text = True

    context: PositiveInt = Field(16, description="context vectors M")
    class_specific: bool = Field(False, description="own context vectors for each class")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> nn.Module:
        prompts = PromptTexts.of(spec, self.context, self.plugin_name())
        return PromptHead(prompts, spec.outputs if self.class_specific else None, self.scale)


class PromptHead(nn.Module):
    """Cosines with text features of learnable prompts, times a scale."""

    def __init__(self, prompts: PromptTexts, classes: int | None, scale: float) -> None:
        super().__init__()
        self.prompts, self.scale = prompts, scale
        self.ctx = drawn_context(prompts.context, prompts.width, () if classes is None else (classes,))
        self._kept: tuple[object, Tensor] | None = None

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        return self.scale * unit(features.pooled) @ unit(self.text()).T

    def text(self) -> Tensor:
        """Raw text features (C, d); in evaluation, computed once for all batches."""
        if self.ctx.requires_grad and self.training:
            self._kept = None
            return self.prompts(self.ctx)
        state = (self.ctx.data_ptr(), self.ctx._version, self.ctx.device)
        if self._kept is None or self._kept[0] != state:
            self._kept = state, self.prompts(self.ctx).detach()
        return self._kept[1]
