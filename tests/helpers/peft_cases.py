"""Released adaptation modules on a tiny Vision Transformer: which of our methods each is, and under which names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from bench.backbones.family import WeightsInfo
from bench.backbones.timm_backbone import TimmBackbone, build
from bench.baselines.adapter import Adapter
from bench.baselines.arc import ARC
from bench.baselines.bi_adaptformer import BiAdaptFormer
from bench.baselines.compacter import Compacter
from bench.baselines.convpass import Convpass
from bench.baselines.dtl import DTL
from bench.baselines.fact import FacT
from bench.baselines.lst import LST
from bench.baselines.repadapter import RepAdapter
from bench.methods import Method

FOLDER = Path(__file__).parent.parent / "fixtures" / "peft"
HALF = (0.5, 0.5, 0.5)
DEPTH = 2
Tensors = dict[str, Tensor]
Theirs = str | Callable[[Callable[[str], Tensor]], Tensor]


@dataclass(frozen=True)
class Case:
    """A fixture's method and where its parameters are: ours, with {} for a block, to the released name or how to
    make ours of released ones."""

    method: Method
    names: dict[str, Theirs]


def _linears(ours: str, theirs: str, **layers: str) -> dict[str, Theirs]:
    return {
        f"{ours}.{mine}.{kind}": f"{theirs}.{released}.{kind}"
        for mine, released in layers.items()
        for kind in ("weight", "bias")
    }


def _adapter(seam: str, theirs: str = "blocks.{}.adapter") -> dict[str, Theirs]:
    return _linears(f"blocks.{{}}.{seam}", theirs, down="bottleneck.1", up="bottleneck.4")


def _convpass(number: int, theirs: str) -> dict[str, Theirs]:
    layers = {"down": "adapter_down", "up": "adapter_up", "mix.inner": "adapter_conv"}
    return _linears(f"blocks.{{}}.beside.{number}", f"blocks.{{}}.{theirs}", **layers)


def _fact_tt() -> dict[str, Theirs]:
    def cores(*names: str) -> Theirs:
        return lambda get: torch.cat([get(f"blocks.{{}}.{name}_FacTs.weight") for name in names])

    places = {
        "attn.qkv": cores("attn.q", "attn.k", "attn.v"), "attn.proj": cores("attn.proj"),
        "mlp.fc1": cores("mlp.fc1"), "mlp.fc2": cores("mlp.fc2"),
    }  # fmt: skip
    return {f"blocks.{{}}.{place}.beside.core.linear.weight": core for place, core in places.items()}


def _repadapter(layer: str, theirs: str) -> dict[str, Theirs]:
    ours, released = f"blocks.{{}}.{layer}.before", f"blocks.{{}}.{theirs}"

    def up(get: Callable[[str], Tensor]) -> Tensor:
        return get(f"{released}.conv_B.weight").unflatten(0, (2, -1)).squeeze(-1).transpose(1, 2)

    return {
        f"{ours}.down.weight": lambda get: get(f"{released}.conv_A.weight").squeeze(-1),
        f"{ours}.down.bias": f"{released}.conv_A.bias",
        f"{ours}.up": up,
        f"{ours}.bias": f"{released}.conv_B.bias",
    }


def _arc(layer: str, theirs: str) -> dict[str, Theirs]:
    ours = f"blocks.{{}}.{layer}.before"
    return {
        f"{ours}.scale": f"blocks.{{}}.{theirs}_adapter.adapter_rescale",
        f"{ours}.bias": f"blocks.{{}}.{theirs}_adapter.adapter_bias",
        f"projections.{layer.replace('.', '_')}_32.weight": f"{theirs}_down_projection",
    }


def _compacter(number: int, theirs: str) -> dict[str, Theirs]:
    parts = {"left": "W_left", "right": "W_right", "bias": "b"}
    return {
        f"blocks.{{}}.behind.{number}.{way}.{mine}": f"blocks.{{}}.{theirs}.{way}_sampler.{released}"
        for way in ("down", "up")
        for mine, released in parts.items()
    }


def _lst() -> dict[str, Theirs]:
    parts = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
    return {
        **_linears("blocks.rungs.{}.block", "side_block.{}", **{part: part for part in parts}),
        **{f"blocks.rungs.{{}}.down.{kind}": f"side_downsamples.{{}}.{kind}" for kind in ("weight", "bias")},
        "blocks.rungs.{}.gate": "side_gate_params.{}",
        **{
            f"blocks.{mine}.{kind}": f"side_{released}.{kind}"
            for mine, released in {"first": "first_downsample", "norm": "norm", "up": "final_upsample"}.items()
            for kind in ("weight", "bias")
        },
    }


FACT = {"factors.0.down.weight": "FacTu.weight", "factors.0.up.weight": "FacTv.weight"}
DTL_NAMES = {"blocks.updates.{}.down": "lora_dict.{}.lora_A", "blocks.updates.{}.up": "lora_dict.{}.lora_B"}
CASES: dict[str, Case] = {
    "adapter_houlsby": Case(
        Adapter(place="houlsby", bottleneck=4),
        {**_adapter("behind.0", "blocks.{}.adapter_attn"), **_adapter("behind.1")},
    ),
    "adapter_intermediate": Case(Adapter(place="intermediate", bottleneck=4), _adapter("behind.1")),
    "adapter_pfeiffer": Case(
        Adapter(place="pfeiffer", bottleneck=4),
        {**_adapter("after.1"), **_linears("blocks.{}.after.1", "blocks.{}.adapter", norm="norm_a")},
    ),
    "adapter_plus": Case(
        Adapter(place="plus", bottleneck=4),
        {**_adapter("after.1"), "blocks.{}.after.1.scale": "blocks.{}.adapter.scaling"},
    ),
    "convpass": Case(
        Convpass(bottleneck=6, scale=0.5), {**_convpass(0, "adapter_attn"), **_convpass(1, "adapter_mlp")}
    ),
    "convpass_attn": Case(Convpass(bottleneck=6, scale=0.5, place="attention"), _convpass(0, "adapter_attn")),
    "fact_tt": Case(FacT(form="tt", rank=3, scale=0.7), {**FACT, **_fact_tt()}),
    "fact_tk": Case(
        FacT(form="tk", rank=3, scale=0.7), {**FACT, "factors.0.core": "FacTc", "factors.0.columns": "FacTp"}
    ),
    "repadapter": Case(
        RepAdapter(bottleneck=4, scale=0.6),
        {**_repadapter("attn.qkv", "adapter_attn"), **_repadapter("mlp.fc1", "adapter_mlp")},
    ),
    "repadapter_attn": Case(
        RepAdapter(bottleneck=4, scale=0.6, place="attention"), _repadapter("attn.qkv", "adapter_attn")
    ),
    "bi_adaptformer": Case(
        BiAdaptFormer(bottleneck=4, scale=0.5),
        {
            f"blocks.{{}}.around.1.{way}.weight": f"blocks.{{}}.adapter_mlp.adapter_{way}.weight"
            for way in ("down", "up")
        },
    ),
    "compacter": Case(
        Compacter(bottleneck=8),
        {**_compacter(0, "adapter_attn"), **_compacter(1, "adapter_ff"), "rule.matrices": "phm_rule"},
    ),
    "arc": Case(ARC(bottleneck=4), {**_arc("attn.qkv", "att"), **_arc("mlp.fc1", "mlp")}),
    "arc_att": Case(ARC(bottleneck=4, place="attention"), _arc("attn.qkv", "att")),
    "lst": Case(LST(reduction=4), _lst()),
    "lst_dropped": Case(LST(reduction=4, every=2), _lst()),
    "dtl": Case(DTL(), DTL_NAMES),
    "dtl_plus": Case(DTL(plus=True, start=0), {**DTL_NAMES, "blocks.mix.inner.weight": "lora_fusion.weight"}),
}


@cache
def tensors(name: str) -> Tensors:
    """The fixture's tensors by key."""
    return load_file(FOLDER / f"{name}.safetensors")


@cache
def facts(name: str) -> dict[str, Any]:
    """What the fixture's metadata say."""
    with safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
        return json.loads(file.metadata()["json"])


def frozen_vit(name: str) -> TimmBackbone:
    """The fixture's Vision Transformer, without the method."""
    vit = {key: value for key, value in facts(name)["vit"].items() if key not in ("norm_eps", "num_classes")}
    pooled = {"global_pool": "avg"} if name.startswith("dtl") else {}  # as the released model pools
    info = WeightsInfo("vit_tiny_patch16_224", 32, HALF, HALF, model_args={**vit, **pooled})
    backbone = build(info, None, name, pretrained=False)
    state = {key.removeprefix("state/"): value for key, value in tensors(name).items() if key.startswith("state/")}
    backbone.model.load_state_dict({key: state[key.replace("fc_", "")] for key in backbone.model.state_dict()})
    return backbone


def ours(name: str, kind: str, backbone: TimmBackbone) -> Tensors:
    """The released parameters ("state") or gradients ("grad") by the names of our parameters."""
    found: Tensors = {}
    for mine, theirs in CASES[name].names.items():
        for block in range(DEPTH):
            key = f"model.{mine}" if mine.startswith("blocks") else mine

            def get(released: str, block: int = block) -> Tensor:
                return tensors(name)[f"{kind}/{released.format(block)}"]

            if key.format(block) in dict(backbone.named_parameters()):
                found[key.format(block)] = get(theirs) if isinstance(theirs, str) else theirs(get)
    return found


def released(name: str) -> tuple[TimmBackbone, list[str]]:
    """The frozen model with our method that holds the released parameters, and the names of these; single precision."""
    backbone = frozen_vit(name)
    pretrained = {id(parameter) for parameter in backbone.parameters()}
    CASES[name].method.inject(backbone)
    backbone.requires_grad_(False).eval()
    added = {key: value for key, value in backbone.named_parameters() if id(value) not in pretrained}
    values = ours(name, "state", backbone)
    assert set(values) == set(added), set(values) ^ set(added)
    for key, value in added.items():
        value.data.copy_(values[key])
        value.requires_grad_(True)
    return backbone, sorted(added)


def output(name: str, backbone: TimmBackbone) -> Tensor:
    """Tokens (B, N, D) behind the final norm or, of DTL, the pooled vector (B, D), as the fixture has them."""
    images = tensors(name)["input/images"].to(next(backbone.parameters()).dtype)
    final = backbone.model.forward_features(images)
    return backbone.model.forward_head(final, pre_logits=True) if name.startswith("dtl") else final
