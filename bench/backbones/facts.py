"""The facts that a weights file states of itself, in its metadata: nobody's file is trusted to be well made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json, ValidationError

from bench.backbones.family import SIDE_LIMIT, WeightsInfo
from bench.backbones.local import file_digest, metadata
from bench.core.errors import UsageError

# What may be said to an architecture's constructor: its shape. Never where weights come from (checkpoint_path,
# pretrained_cfg, cache_dir, ...): they are the file's own, and the fingerprint covers no others.
ARCHITECTURE_ARGS = frozenset((
    "act_layer", "always_partition", "attn_drop_rate", "base_width", "cardinality", "channels", "class_token",
    "depth", "depths", "dims", "drop_path_rate", "drop_rate", "dynamic_img_pad", "dynamic_img_size", "embed_dim",
    "embed_dims", "embed_layer", "final_norm", "fc_norm", "global_pool", "growth_rate", "head_bias",
    "head_hidden_size", "head_norm_first", "img_size", "init_values", "kernel_sizes", "layers", "ls_init_value",
    "mlp_layer", "mlp_ratio", "mlp_ratios", "no_embed_class", "norm_layer", "num_classes", "num_heads",
    "num_reg_tokens", "num_stages", "output_stride", "pad_type", "patch_size", "pos_embed", "pre_norm",
    "proj_drop_rate", "qk_norm", "qkv_bias", "reg_tokens", "replace_stem_pool", "round_chs_fn", "stem_chs",
    "stem_size", "stem_type", "stem_width", "strict_img_size", "widths", "window_size",
))  # fmt: skip
_Value = bool | int | float | str
_Side = Annotated[int, Field(ge=1, le=SIDE_LIMIT)]
Triple = tuple[float, float, float]


def _shape_only(given: dict[str, Any]) -> dict[str, Any]:
    foreign = sorted(set(given) - ARCHITECTURE_ARGS)
    if foreign:
        raise ValueError(f"{foreign[0]!r} does not shape an architecture")
    return given


def _square(given: tuple[int, int, int]) -> tuple[int, int, int]:
    if given[1] != given[2]:
        raise ValueError("the input must be square")
    return given


def _above_zero(given: Triple) -> Triple:
    if min(given) <= 0:
        raise ValueError("must be above 0")
    return given


Positive = Annotated[Triple, AfterValidator(_above_zero)]


class _Metadata(BaseModel):
    """What the metadata of a file must look like; values other than words are JSON in a string."""

    model_config = ConfigDict(allow_inf_nan=False)

    timm_arch: str = Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?$")  # a name: no hub address, no path
    input_size: Json[Annotated[tuple[Literal[3], _Side, _Side], AfterValidator(_square)]]
    mean: Json[Triple]
    std: Json[Positive]
    model_args: Json[Annotated[dict[str, _Value | list[_Value]], AfterValidator(_shape_only)]] = {}
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    trained_on: str = "unknown"
    batch_norm: Literal["train", "frozen"] = "train"
    note: str = ""


def from_file(path: Path) -> WeightsInfo:
    """Read the facts from a safetensors file's metadata.

    Raises:
        UsageError: The file is not safetensors, lacks a required key, or says what cannot be.
    """
    _check_readable(path)
    try:
        facts = _Metadata.model_validate(metadata(path))
    except ValidationError as error:
        problem = error.errors()[0]
        what = problem["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"{path}: {problem['loc'][0]} in its metadata: {what}. Needed: timm_arch, input_size, mean, std; "
            "possible: model_args, interpolation, trained_on, batch_norm, note."
        ) from error
    return WeightsInfo(
        arch=facts.timm_arch,
        size=facts.input_size[-1],
        mean=facts.mean,
        std=facts.std,
        interpolation=facts.interpolation,
        model_args=facts.model_args,
        trained_on=facts.trained_on,
        batch_norm=facts.batch_norm,
        file=str(path),
        digest=file_digest(path),
        note=facts.note,
    )


def _check_readable(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path} is not a readable safetensors file ({error}). Replace the file.") from error
