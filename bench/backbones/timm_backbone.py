"""A timm image model as a backbone."""

from __future__ import annotations

from typing import Any

import timm
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from bench.backbones.attention import projections
from bench.backbones.base import Backbone, probe
from bench.backbones.family import WeightsInfo
from bench.backbones.features import Family, Features, FeatureSpec
from bench.backbones.hub import cached
from bench.core.errors import UsageError


class TimmBackbone(Backbone):
    """A timm model without its classifier.

    Tokens are the final patch tokens (class and register tokens dropped; none, where only these are left, as in PiT) or
    the flattened feature map; ``pooled`` is `forward_head(pre_logits=True)`, so that a norm that lives in the head
    (ConvNeXt) is applied.
    """

    model: Any  # timm's models share methods, not a base class that declares them

    def __init__(self, model: nn.Module, info: WeightsInfo, size: int) -> None:
        super().__init__()
        self.model = model
        self.info = info
        self.input_shape = (3, size, size)
        self.finer: tuple[int, ...] | None = None  # which of timm's intermediate maps are levels; None: none are given
        self.eval()  # before measuring: a blank input must not move batch-norm statistics
        final = self._final()
        self.prefix = _prefix(model, final)  # class and register tokens before the patches
        self.family = _family(model, final)
        self.spec = self._measure()

    def forward(self, inputs: Tensor) -> Features:
        """Images (B, 3, H, W) to features; see the class."""
        if not self.finer:
            final = self.model.forward_features(inputs)
            return self._features(final, None if self.finer is None else [])
        final, maps = self.model.forward_intermediates(inputs, indices=list(self.finer), output_fmt="NCHW")
        return self._features(final, maps)

    def show_levels(self) -> None:
        """Give maps from now on: those of a hierarchy from a stride of 4 on, or the tokens of a plain ViT alone.

        Raises:
            UsageError: The tokens do not form a square grid.
        """
        if len(self.spec.grid) != 2:
            raise UsageError(f"{self.info.arch} gives no maps, which this task needs. Choose an image backbone.")
        strides = [level["reduction"] for level in _hierarchy(self.model)]
        last = self.input_shape[-1] / self.spec.grid[0]
        self.finer = tuple(number for number, stride in enumerate(strides) if 4 <= stride < last)
        self.spec = self._measure()

    def _features(self, final: Tensor, maps: list[Tensor] | None) -> Features:
        tokens = self._tokens(final)
        pooled = self.model.forward_head(final, pre_logits=True)
        if maps is None:
            return Features(tokens, pooled)
        side = round(tokens.shape[1] ** 0.5)
        return Features(tokens, pooled, levels=(*maps, tokens.transpose(1, 2).unflatten(2, (side, side))))

    def _tokens(self, final: Tensor) -> Tensor:
        if final.ndim == 3:
            return final[:, self.prefix :]
        if getattr(self.model, "output_fmt", "NCHW") == "NHWC":
            return final.flatten(1, 2)
        return final.flatten(2).transpose(1, 2)

    @torch.no_grad()
    def _final(self) -> Tensor:
        """What the backbone gives for a blank input.

        Raises:
            UsageError: Several lists of tokens or maps, where one is needed.
        """
        final = self.model.forward_features(self.blank())
        if not isinstance(final, Tensor):
            raise UsageError(
                f"{self.info.arch} gives {len(final)} separate features where one is needed. Choose another backbone."
            )
        return final

    @torch.no_grad()
    def _measure(self) -> FeatureSpec:
        features = probe(self)
        levels = tuple((int(c), int(h), int(w)) for _, c, h, w in (level.shape for level in features.levels or ()))
        count = features.tokens.shape[1]
        side = round(count**0.5)
        grid = (side, side) if count and side * side == count else (count,)
        return FeatureSpec(
            token_dim=features.tokens.shape[2],
            pooled_dim=features.pooled.shape[1],
            grid=grid,
            family=self.family,
            levels=levels,
        )


def _hierarchy(model: Any) -> list[dict[str, Any]]:
    """timm's list of intermediate maps with their strides; empty where all have one stride, as in a plain ViT.

    Raises:
        UsageError: timm cannot give them for this architecture.
    """
    found = getattr(model, "feature_info", None)
    if found is None or not hasattr(model, "forward_intermediates"):
        raise UsageError(f"timm gives no intermediate maps of {type(model).__name__}. Choose another backbone.")
    levels = list(found)
    return levels if len({level["reduction"] for level in levels}) > 1 else []


def _prefix(model: nn.Module, final: Tensor) -> int:
    """How many of the final tokens are no patches.

    Not every architecture of timm says so by ``num_prefix_tokens``: VOLO, CoaT and PiT only have class
    tokens, (1, n, D), CoaT some for each stage.
    """
    said = getattr(model, "num_prefix_tokens", None)
    if said is not None or final.ndim != 3:
        return int(said or 0)
    own = [value for name, value in model.named_parameters(recurse=False) if name.startswith("cls_token")]
    return own[-1].shape[1] if own else 0


def _headless(model: nn.Module, arch: str) -> nn.Module:
    """The model, its classifier taken away.

    Raises:
        UsageError: It has none to take away.
    """
    if not hasattr(model, "reset_classifier"):
        raise UsageError(f"timm's {arch} is no classifier of images. Choose another backbone.")
    model.reset_classifier(0)  # type: ignore[operator]
    return model


def _family(model: Any, final: Tensor) -> Family:
    """A plain ViT has patches, one list of blocks and a class token, or SAM's neck; what else attends is a hybrid."""
    plain = hasattr(model, "cls_token") or hasattr(model, "neck")
    if hasattr(model, "patch_embed") and hasattr(model, "blocks") and plain:
        return "vit"
    map_of_channels = final.ndim == 4 and getattr(model, "output_fmt", "NCHW") == "NCHW"
    return "cnn" if map_of_channels and not projections(model) else "hybrid"


# What timm and torch raise where weights, arguments or sizes do not fit an architecture.
_UNFIT = (RuntimeError, KeyError, AssertionError, TypeError, ValueError, SafetensorError, ZeroDivisionError)


def build(info: WeightsInfo, size: int | None, name: str, pretrained: bool = True) -> TimmBackbone:
    """Create the model and load its weights.

    Args:
        info: Facts of the weights; ``info.file`` None means timm's hub.
        size: Input size in pixels, None for the weights' own.
        name: The backbone's name, for messages.
        pretrained: False leaves the weights random, for counting parameters.

    Raises:
        UsageError: The size does not fit the architecture, the weights are of another architecture, or the architecture
            gives no single list of tokens or map.
    """
    size = size or info.size
    options = _options(info, size)
    try:
        if info.file and pretrained:
            _check_names(name, info, options)
        model = timm.create_model(info.arch, pretrained, pretrained_cfg_overlay=_overlay(info), **options)
        return TimmBackbone(_headless(model, info.arch), info, size)
    except _UNFIT as error:
        if smallest := smallest_size(info, size):
            raise UsageError(f"{name} does not take size {size}; the smallest that works is {smallest}.") from error
        reason = str(error).strip().splitlines()
        raise UsageError(
            f"{name}: cannot load {info.file or 'the hub weights'} into {info.arch} at size {size} "
            f"({reason[0][:160] if reason else type(error).__name__}). Check timm_arch, model_args and size."
        ) from error


def smallest_size(info: WeightsInfo, above: int) -> int | None:
    """The smallest size above one that failed that the architecture takes, by bisection; None where there is none up to
    the weights' own, so that the size is not what is wrong."""
    if above >= info.size or not takes(info, info.size):
        return None
    fails, works = above, info.size
    while works - fails > 1:
        middle = (fails + works) // 2
        fails, works = (fails, middle) if takes(info, middle) else (middle, works)
    return works


def takes(info: WeightsInfo, size: int) -> bool:
    """Whether the architecture runs on inputs of this size; tried without memory for weights or results."""
    options = _options(info, size)
    try:
        with torch.device("meta"):
            model = timm.create_model(info.arch, pretrained=False, **options)
            TimmBackbone(_headless(model, info.arch), info, size)
    except _UNFIT:
        return False
    return True


def _options(info: WeightsInfo, size: int) -> dict[str, Any]:
    resized = {"img_size": size} if _fixed_size(info.arch) and size != info.size else {}
    return {**info.model_args, **resized}


def _overlay(info: WeightsInfo) -> dict[str, str] | None:
    """The file to load: of hub weights the cached one that the digest names, whatever the hub has by now."""
    found = info.file or ((kept := cached(info.arch)) and str(kept.file))
    return {"file": found} if found else None


def _check_names(name: str, info: WeightsInfo, options: dict[str, Any]) -> None:
    """timm loads what fits and leaves the rest random; a file must hold every tensor but the classifier's.

    Raises:
        UsageError: The file's tensors are not those of the architecture.
    """
    with torch.device("meta"):
        model = timm.create_model(info.arch, pretrained=False, **options)
    with safe_open(str(info.file), framework="pt") as file:
        given = set(file.keys())
    head = tuple(f"{prefix}." for prefix in classifiers(model))
    expected = set(model.state_dict())
    wrong = sorted(key for key in expected ^ given if not key.startswith(head))
    if wrong:
        raise UsageError(
            f"{name}: {info.file} does not hold the weights of {info.arch}: {len(wrong)} tensors are missing or "
            f"foreign, e.g. {wrong[0]}. Correct timm_arch and model_args in its metadata."
        )


def classifiers(model: nn.Module) -> tuple[str, ...]:
    """Names of the modules that a timm model classifies with."""
    names = getattr(model, "pretrained_cfg", {}).get("classifier") or "head"
    return (names,) if isinstance(names, str) else tuple(names)


def _fixed_size(arch: str) -> bool:
    config = timm.get_pretrained_cfg(arch, allow_unregistered=False)
    return config is not None and bool(config.fixed_input_size)
