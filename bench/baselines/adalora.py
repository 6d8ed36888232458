"""AdaLoRA: low-rank updates whose ranks are cut, layer by layer, where they matter least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn

from bench.backbones.attention import updated_layers
from bench.backbones.base import Backbone
from bench.methods import Batch, Method, Step
from bench.methods.hooks import State
from bench.methods.model import Model
from bench.methods.parts import add_on_tokens

DOWN, VALUES, UP = "adalora_down", "adalora_values", "adalora_up"


class AdaLoRA(Method):
    """AdaLoRA (Zhang et al., ICLR 2023): ``W + alpha/initial P diag(l) Q``, l being 0 at the start.

    From step ``start`` to step ``end`` the budget of triplets falls from ``initial`` to ``rank`` a layer by a cubic
    schedule; every ``every`` steps the triplets of least importance in the whole model have their l set to 0
    (algorithm 1, with sensitivity times uncertainty); after ``end`` the choice stands. `orthogonal` weighs the penalty
    on ``P'P - I`` and ``QQ' - I`` (equation 4). Cut triplets stay in the model, as zeros.
    """

    title = "AdaLoRA"
    identity_at_start = True

    initial: PositiveInt = Field(12, description="triplets of a layer at the start")
    rank: PositiveInt = Field(8, description="triplets a layer at the end, on average; below `initial`")
    alpha: PositiveFloat = Field(8.0, description="the update is scaled by alpha / initial")
    orthogonal: float = Field(0.5, ge=0, description="weight of the penalty")
    start: float = Field(0.1, ge=0, lt=1, description="share of the steps before the first cut")
    end: float = Field(0.5, gt=0, le=1, description="share of the steps after which nothing more is cut")
    every: PositiveInt = Field(10, description="steps from cut to cut")
    smoothing: float = Field(0.85, gt=0, lt=1, description="of sensitivity and of its uncertainty")
    targets: Literal["attention", "linear"] = Field(
        "attention", description="as those of lora: projections to queries, keys and values, or all linear layers"
    )

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.rank >= self.initial or self.start >= self.end:
            raise ValueError("rank must be below initial, and start before end")
        return self

    def inject(self, backbone: Backbone) -> None:
        for name in updated_layers(backbone, self.targets, self.plugin_name()):
            layer = backbone.get_submodule(name)
            outputs, inputs, *_ = layer.get_parameter("weight").shape
            layer.register_parameter(DOWN, nn.Parameter(0.02 * torch.randn(self.initial, inputs)))
            layer.register_parameter(VALUES, nn.Parameter(torch.zeros(self.initial, 1)))
            layer.register_parameter(UP, nn.Parameter(0.02 * torch.randn(outputs, self.initial)))
            layer.register_forward_hook(self._add_update)

    def _add_update(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        down = layer.get_parameter(DOWN) * layer.get_parameter(VALUES) * (self.alpha / self.initial)
        return add_on_tokens(layer, inputs[0], output, lambda x: x @ down.T @ layer.get_parameter(UP).T)

    def extra_loss(self, model: Model, batch: Batch) -> Tensor:
        found = [p if name.endswith(DOWN) else p.T for name, p in model.named_parameters() if name.endswith((DOWN, UP))]
        far = [torch.linalg.matrix_norm(p @ p.T - torch.eye(len(p), device=p.device)) for p in found]
        return self.orthogonal * torch.stack(far).mean()

    @torch.no_grad()
    def after_step(self, step: Step) -> None:
        number, first, last = step.number + 1, int(self.start * step.total), max(int(self.end * step.total), 1)
        added = {name: p for name, p in step.trained.items() if name.rpartition(".")[2] in (DOWN, VALUES, UP)}
        if number < last or number == 1:
            self._weigh(added, step.memory.kept)
        if number == last or (first < number < last and number % self.every == 0):
            left = max(0.0, 1 - (number - first) / (last - first)) if last > first else 0.0
            self._cut(added, step.memory.kept, left**3)
        elif number > last:
            for name, p in added.items():
                if name.endswith(VALUES):
                    p.mul_(step.memory.kept[f"keep {name}"])

    def _weigh(self, added: Mapping[str, Tensor], kept: State) -> None:
        """Smooth the sensitivity ``|w g|`` of every number and how uncertain it is."""
        for name, p in added.items():
            gradient = p.grad
            assert gradient is not None
            now, zero = (p * gradient).abs(), torch.zeros_like(p)
            mean = kept.get(f"mean {name}", zero).lerp(now, 1 - self.smoothing)
            spread = kept.get(f"spread {name}", zero).lerp((now - mean).abs(), 1 - self.smoothing)
            kept[f"mean {name}"], kept[f"spread {name}"] = mean, spread

    def _cut(self, added: Mapping[str, Tensor], kept: State, left: float) -> None:
        """Set to 0 the values of the least important triplets; ``left`` of those above the final budget may stay."""
        places = [name.removesuffix(VALUES) for name in added if name.endswith(VALUES)]
        scores = {place: _importance(place, kept) for place in places}
        budget = int(len(places) * ((self.initial - self.rank) * left + self.rank))
        too_many = len(places) * self.initial - budget
        if not too_many:
            return
        limit = torch.cat(list(scores.values())).kthvalue(too_many).values
        for place, score in scores.items():
            kept[f"keep {place}{VALUES}"] = (score > limit)[:, None].to(score.dtype)
            added[place + VALUES].mul_(kept[f"keep {place}{VALUES}"])


def _importance(place: str, kept: State) -> Tensor:
    """Of the triplets (r,) of a layer: that of the value, and the means of those of its two vectors."""
    down, values, up = (kept[f"mean {place}{part}"] * kept[f"spread {place}{part}"] for part in (DOWN, VALUES, UP))
    return values[:, 0] + down.mean(1) + up.mean(0)
