"""What a file of the weights folder may say of an open_clip model: its shape, never where else to look for weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json, PositiveInt, ValidationError

from bench.backbones.facts import Positive, Triple
from bench.backbones.family import SIDE_LIMIT
from bench.core.errors import UsageError

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CONFIG = "open_clip_config"
# Fields of open_clip's towers that shape them. Those that begin with timm_ or hf_, and a tokenizer's, name models of
# other libraries, which would be fetched or read from other files, and which no fingerprint covers.
SHARED = frozenset((
    "act_kwargs", "block_type", "final_ln_after_pool", "layers", "ls_init_value", "mlp_ratio", "norm_kwargs",
    "output_tokens", "pool_type", "qk_norm", "scale_attn", "scale_attn_inner", "scale_fc", "scale_heads",
    "scaled_cosine_attn", "width",
))  # fmt: skip
VISION = SHARED | {
    "attentional_pool", "attn_pooler_heads", "attn_pooler_queries", "head_width", "image_size", "no_ln_pre",
    "patch_dropout", "patch_size", "pos_embed_type",
}  # fmt: skip
TEXT = SHARED | {
    "context_length", "embed_cls", "eos_id", "heads", "no_causal_mask", "pad_id", "proj_bias", "proj_type",
    "vocab_size",
}  # fmt: skip


def _vision(given: dict[str, Any]) -> dict[str, Any]:
    size = given.get("image_size")
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= SIDE_LIMIT:
        raise ValueError(f"vision_cfg needs image_size, a number from 1 to {SIDE_LIMIT}")
    return _only(given, VISION)


def _text(given: dict[str, Any]) -> dict[str, Any]:
    length = given.get("context_length")
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise ValueError("text_cfg needs context_length, a number above 0")
    return _only(given, TEXT)


def _only(given: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    foreign = sorted(set(given) - known)
    if foreign:
        raise ValueError(f"{foreign[0]!r} does not shape a tower")
    return given


class Towers(BaseModel):
    """The arguments of open_clip's model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    embed_dim: PositiveInt
    vision_cfg: Annotated[dict[str, Any], AfterValidator(_vision)]
    text_cfg: Annotated[dict[str, Any], AfterValidator(_text)]
    quick_gelu: bool = False


class Facts(BaseModel):
    """What the metadata of a file must look like; all but words are JSON in a string."""

    model_config = ConfigDict(allow_inf_nan=False)

    open_clip_config: Json[Towers]
    trained_quick_gelu: Json[bool]
    mean: Json[Triple] = Field(MEAN)
    std: Json[Positive] = Field(STD)
    trained_on: str = "unknown"


def facts_of(path: Path, metadata: dict[str, str]) -> Facts:
    """Read and check the metadata of a file.

    Raises:
        UsageError: They are incomplete, or say what cannot be.
    """
    try:
        return Facts.model_validate(metadata)
    except ValidationError as error:
        problem = error.errors()[0]
        where, what = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
        raise UsageError(f"{path}: {where} in its metadata: {what}. See `bench show open_clip`.") from error
