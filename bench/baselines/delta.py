"""DELTA: fine-tuning whose feature maps stay near the pre-trained backbone's, the important channels most."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.methods import Method, Stage, Step
from bench.methods.hooks import State

LEVELS = 4
SHARPNESS = 5  # what z-scores are divided by before the softmax


class DELTA(Method):
    """DELTA (Li et al., ICLR 2019, equations 3 to 7): staged fine-tuning with a loss on feature maps.

    Stage 1 trains the head alone, stage 2 everything, its loss being the task's plus ``alpha/2`` times, over four
    levels l, samples of the batch and channels c, the sum of ``C w_c |F_c - F0_c|^2 / (H W)``, and ``beta/2`` times the
    squared head. F0 is what the pre-trained backbone makes of the same input. ``w = softmax(z / 5)``, z being the
    z-scores of how much the loss rises when channel c is zeroed, with the head of stage 1, on the first batches; that
    costs a forward pass a channel. The sum over the batch is the released code's, so alpha depends on the batch size.
    Without attention it is ``|F - F0|^2``. Levels are the last four of a hierarchy, or a plain ViT's blocks at quarters
    of its depth, whose tokens stand for positions: for ViTs, of which the paper has none, that is ours.
    """

    alpha: NonNegativeFloat = Field(0.01, description="pull of the feature maps; the paper: 0.01, Dogs 0.1")
    beta: NonNegativeFloat = Field(0.01, description="pull of the head towards zero")
    attention: bool = Field(True, description="channels count by how much the loss needs them")
    batches: PositiveInt = Field(4, description="on which that is measured")

    title = "DELTA"
    needs_tokens = False

    def unfit(self, backbone: Backbone) -> str:
        if known_levels(backbone):
            return ""
        return f"needs a backbone whose feature maps timm names; {backbone.info.arch} has none. Leave it out."

    def stages(self) -> list[Stage]:
        return [Stage("stage1"), Stage("stage2", trains="all")]

    def optimize(self, step: Step, closure: Callable[[], None]) -> None:
        if step.stage.name == "stage2" and self.attention and step.number < self.batches:
            self._measure(step)
        closure()
        step.update()

    def training_step(self, step: Step) -> Tensor:
        if step.stage.name != "stage2":
            return step.loss()
        with maps_of(step.model.backbone) as own:
            loss = step.loss()
        with torch.no_grad(), step.precision(), maps_of(step.pretrained) as before:
            step.pretrained(step.inputs)
        weights = [step.memory.kept[f"attention.{level}"] for level in own] if self.attention else None
        pull = distance(list(own.values()), list(before.values()), weights) / len(step.targets) * step.size
        head = torch.stack([p.square().sum() for p in step.model.head.parameters()]).sum()
        return loss + self.alpha * pull + self.beta / 2 * head

    @torch.no_grad()
    def _measure(self, step: Step) -> None:
        """Add how much a batch's loss rises without each channel, and weigh channels by what is known so far."""
        kept = step.memory.kept
        if step.number == 0:
            kept.update({f"head.{name}": value.clone() for name, value in step.model.head.state_dict().items()})
        head = copy.deepcopy(step.model.head).eval()
        head.load_state_dict({k.removeprefix("head."): v for k, v in kept.items() if k.startswith("head.")})
        for level, rise in rises(step, head).items():
            kept[f"rise.{level}"] = kept.get(f"rise.{level}", 0) + rise
            kept[f"attention.{level}"] = attention_of(kept[f"rise.{level}"] / (step.number + 1))


def rises(step: Step, head: nn.Module) -> State:
    """Level -> by how much the loss of the batch rises when each channel (C,) of the pre-trained maps is zeroed."""
    backbone = step.pretrained

    def loss() -> Tensor:
        with step.precision():
            features = backbone(step.inputs)
            outputs = head(features).float()
        return step.loss_of(features, outputs)

    with maps_of(backbone) as maps:
        whole = loss()
    found: State = {}
    for level, module in levels_of(backbone).items():
        losses = []
        for channel in range(maps[level].shape[1]):
            hook = module.register_forward_hook(partial(without, channel=channel, last=channels_last(backbone)))
            losses.append(loss())
            hook.remove()
        found[level] = torch.stack(losses) - whole
    return found


def attention_of(rise: Tensor) -> Tensor:
    """Weights (C,), which sum to 1, of channels by the rise of the loss without them."""
    spread = rise.std(correction=0).clamp_min(torch.finfo(rise.dtype).tiny)
    return ((rise - rise.mean()) / spread / SHARPNESS).softmax(0)


def distance(own: list[Tensor], before: list[Tensor], weights: list[Tensor] | None) -> Tensor:
    """Half the sum over levels, samples, channels and positions of squared differences.

    Args:
        own, before: Maps (B, C, P) of each level.
        weights: (C,) of each level, with which channels' means over positions are weighed, times C; None: plain sums.
    """
    total = []
    for place, (new, old) in enumerate(zip(own, before, strict=True)):
        squares = (new - old).square()
        weighed = squares if weights is None else squares.mean(2) * weights[place] * len(weights[place])
        total.append(weighed.sum())
    return torch.stack(total).sum() / 2


@contextmanager
def maps_of(backbone: Backbone) -> Iterator[State]:
    """A table that fills with the maps (B, C, P) of each level when the backbone runs inside."""
    found: State = {}
    hooks = []
    for name, module in levels_of(backbone).items():
        hooks.append(module.register_forward_hook(partial(_note, found, name, channels_last(backbone))))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def known_levels(backbone: Backbone) -> list[str]:
    """Names of the modules that give timm's feature maps; empty where it names too few."""
    model = getattr(backbone, "model", None)
    known = [level["module"] for level in getattr(model, "feature_info", None) or ()]
    modules = dict(model.named_modules()) if model is not None else {}
    return known if len(known) >= LEVELS - 2 and all(name in modules for name in known) else []


def levels_of(backbone: Backbone) -> dict[str, nn.Module]:
    """Number of each level ("0" the first) -> the module that gives its map."""
    known, modules = known_levels(backbone), dict(backbone.get_submodule("model").named_modules())
    plain = len(known) > LEVELS + 1
    chosen = [known[len(known) * (n + 1) // LEVELS - 1] for n in range(LEVELS)] if plain else known[-LEVELS:]
    return {str(number): modules[name] for number, name in enumerate(chosen)}


def channels_last(backbone: Backbone) -> bool:
    """Whether maps of four axes are (B, H, W, C)."""
    return getattr(backbone.model, "output_fmt", "NCHW") == "NHWC"


def _axis(output: Tensor, last: bool) -> int:
    return -1 if output.ndim == 3 or last else 1


def _note(found: State, name: str, last: bool, module: nn.Module, inputs: object, output: Tensor) -> None:
    found[name] = output.movedim(_axis(output, last), 1).flatten(2).float()


def without(module: nn.Module, inputs: object, output: Tensor, channel: int, last: bool) -> Tensor:
    """A forward hook that zeroes a channel."""
    index = torch.tensor([channel], device=output.device)
    return output.index_fill(_axis(output, last), index, 0)
