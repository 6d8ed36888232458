"""The family of open_clip's models: image and text towers, from its hub or from a file of the weights folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from bench.backbones.family import BackboneFamily, WeightsInfo
from bench.backbones.local import file_digest, local_weights, metadata, readable
from bench.backbones.open_clip_facts import CONFIG, MEAN, STD, facts_of
from bench.backbones.tags import trained_on
from bench.core import extras
from bench.core.errors import UsageError, nearest

if TYPE_CHECKING:
    from torch import nn

    from bench.backbones.base import Backbone

PREFIX = "open_clip."


class OpenClip(BackboneFamily):
    """Any open_clip model as open_clip.ARCHITECTURE.TAG, such as open_clip.ViT-B-32-quickgelu.openai (extra `vlm`).

    Files of the weights folder whose metadata hold ``open_clip_config`` (JSON with embed_dim, vision_cfg, text_cfg and
    quick_gelu) and ``trained_quick_gelu`` (true or false) are known by their stem. An architecture whose activation
    differs from the one that the weights were trained with is refused: it loads, and is quietly wrong.
    """

    title = "OpenCLIP"
    libraries: ClassVar[tuple[str, ...]] = ("open_clip",)

    template: str = Field("a photo of a {}.", description="prompt of a class name, which replaces {}")

    @field_validator("template")
    @classmethod
    def _has_place(cls, template: str) -> str:
        if template.count("{}") != 1 or template.replace("{}", "").count("{"):
            raise ValueError("the template needs {} once, for the class name")
        return template

    @classmethod
    def names(cls, folder: Path | None) -> dict[str, str]:
        """Files of the weights folder that hold open_clip models; hub models need its import to be listed."""
        found = readable(folder).items()
        return {name: f"open_clip model, {meta.get('trained_on', '?')}" for name, meta in found if CONFIG in meta}

    @classmethod
    def knows(cls, name: str, folder: Path | None) -> bool:
        return name.startswith(PREFIX) or name in cls.names(folder)

    def find(self, name: str, folder: Path | None) -> WeightsInfo:
        extras.check("open_clip", name)
        return from_hub(name) if name.startswith(PREFIX) else from_file(name, local_weights(folder)[name])

    def load(self, name: str, info: WeightsInfo, pretrained: bool = True) -> Backbone:
        from bench.backbones.clip import ClipBackbone

        size = self.size or info.size
        try:
            model = built(info, size, pretrained)
            tokens = tokeniser(info) if pretrained else lambda texts: tokeniser(info)(texts)  # some come from a hub
        except (RuntimeError, KeyError, AssertionError, TypeError, OSError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise UsageError(f"{name}: cannot load {info.file or 'what its hub holds'} ({reason[0][:160]}).") from error
        return ClipBackbone(model, info, size, self.template, tokens)


def from_hub(name: str) -> WeightsInfo:
    """Facts of a model of open_clip's list; downloads nothing.

    Raises:
        UsageError: There is no such architecture or tag, or the activations differ.
    """
    import open_clip

    arch, _, tag = name.removeprefix(PREFIX).rpartition(".")
    if arch not in open_clip.list_models():
        known = [f"{PREFIX}{a}.{t}" for a, t in open_clip.list_pretrained()]
        raise UsageError(f"No backbone {name!r}. {nearest(name, known)}")
    facts = open_clip.get_pretrained_cfg(arch, tag)
    if not facts:
        tags = [f"{PREFIX}{arch}.{tag}" for tag in open_clip.list_pretrained_tags_by_model(arch)]
        raise UsageError(f"open_clip has no weights {name!r}. {nearest(name, tags)}")
    config = open_clip.get_model_config(arch)
    check_activation(name, bool(config.get("quick_gelu")), bool(facts.get("quick_gelu")))
    size = config["vision_cfg"].get("image_size", 224)
    return WeightsInfo(
        arch=arch,
        size=size[0] if isinstance(size, (list, tuple)) else size,
        mean=tuple(facts.get("mean") or MEAN),
        std=tuple(facts.get("std") or STD),
        interpolation=facts.get("interpolation") or "bicubic",
        model_args={"tag": tag},
        trained_on=trained_on(tag),
        digest=f"hub:{facts.get('hf_hub') or facts.get('url')}",
    )


def from_file(name: str, path: Path) -> WeightsInfo:
    """Facts of a safetensors file, from its metadata.

    Raises:
        UsageError: They are incomplete, name what is not this model's shape, or the activations differ.
    """
    facts = facts_of(path, metadata(path))
    config = facts.open_clip_config.model_dump()
    check_activation(name, facts.open_clip_config.quick_gelu, facts.trained_quick_gelu)
    return WeightsInfo(
        arch=name,
        size=config["vision_cfg"]["image_size"],
        mean=facts.mean,
        std=facts.std,
        model_args=config,
        trained_on=facts.trained_on,
        file=str(path),
        digest=file_digest(path),
    )


def check_activation(name: str, built: bool, trained: bool) -> None:
    """Raise UsageError when a model is built with another activation than its weights were trained with."""
    if built != trained:
        word = {True: "QuickGELU", False: "GELU"}
        raise UsageError(
            f"{name}: the weights were trained with {word[trained]}, and this architecture has {word[built]}. "
            f"Choose the architecture {'with' if trained else 'without'} -quickgelu in its name (quick_gelu in a file)."
        )


def built(info: WeightsInfo, size: int, pretrained: bool) -> nn.Module:
    """The model with its weights, or with random ones."""
    import open_clip
    import torch
    from safetensors.torch import load_file

    if info.file is None:
        tag = info.model_args["tag"] if pretrained else None
        other = size if size != info.size else None
        device = torch.get_default_device()  # counting sets one without memory
        return open_clip.create_model(info.arch, pretrained=tag, force_image_size=other, device=device)
    config: dict[str, Any] = {**info.model_args, "vision_cfg": {**info.model_args["vision_cfg"], "image_size": size}}
    model: nn.Module = open_clip.model.CLIP(**config)
    if pretrained:
        state = load_file(info.file)
        open_clip.model.resize_pos_embed(state, model)
        model.load_state_dict(state)
    return model


def tokeniser(info: WeightsInfo) -> Any:
    """Texts to token numbers, as the model reads them."""
    import open_clip

    if info.file is None:
        return open_clip.get_tokenizer(info.arch)
    return open_clip.SimpleTokenizer(context_length=info.model_args["text_cfg"]["context_length"])
