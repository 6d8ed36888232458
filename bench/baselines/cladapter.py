"""CLAdapter: cluster attention between a pre-trained backbone and a linear classifier (Li et al., NeurIPS 2025)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Self, cast

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn.functional import normalize

from bench.backbones import Features
from bench.core.errors import UsageError
from bench.methods import HeadSpec, Method, PooledLinear, Stage, plain_head
from bench.methods.model import Model


class ClusterAttention(nn.Module):
    """Transform the tokens of an image by a mixture of K matrices, weighted by likeness to K centres.

    Channel mode applies the mixture to a bottleneck of the channels, as in the published parameter counts; token mode
    applies it over the tokens and needs their number (the predecessor, CDTM).

    Args:
        dim: Channels, D.
        k: Centres, K.
        width: Side R of the matrices: the bottleneck, or the number of tokens in token mode.
        mode: "channel" or "token".
    """

    def __init__(self, dim: int, k: int, width: int, mode: str) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(dim, k))
        self.matrices = nn.Parameter(torch.randn(k, width, width))
        self.mode = mode
        if mode == "channel":
            self.down = nn.Linear(dim, width)
            self.up = nn.Linear(width, dim)

    def weights(self, tokens: Tensor) -> Tensor:
        """Softmax of the cosine between the mean token and the centres, without temperature: (B, N, D) -> (B, K)."""
        query = normalize(tokens.mean(1), dim=-1)
        return (query @ normalize(self.centers, dim=0)).softmax(-1)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D); there is no residual around this part."""
        # mixing the flattened matrices gives (B, R, R) at once, never (B, K, R, R)
        mixed = (self.weights(tokens) @ self.matrices.flatten(1)).unflatten(1, self.matrices.shape[1:])
        if self.mode == "token":
            return mixed @ tokens
        return self.up(self.down(tokens) @ mixed)


class Block(nn.Module):
    """LayerNorm, cluster attention without residual, LayerNorm and MLP with residual: (B, N, D) -> (B, N, D)."""

    def __init__(self, dim: int, k: int, width: int, mode: str, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attention = ClusterAttention(dim, k, width, mode)
        self.norm2 = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, hidden)
        self.contract = nn.Linear(hidden, dim)
        self.activation = nn.GELU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Adapted tokens."""
        adapted = self.dropout(self.attention(self.norm1(tokens)))
        return adapted + self.contract(self.dropout(self.activation(self.expand(self.norm2(adapted)))))


class CLAdapterHead(nn.Module):
    """``head(norm2(blocks(norm1(tokens))))``, where the head of a classification is ``Linear(mean_n ...)``.

    Args:
        dim: Channels of a token, D.
        classes: Outputs.
        k: Cluster centres, K.
        width: Side of the transformation matrices; see `ClusterAttention`.
        hidden: Units of the MLP.
        mode: "channel" or "token"; see `ClusterAttention`.
        depth: Blocks in a row.
        dropout: After the attention and inside the MLP.
        grid: Layout of the tokens; needed where the head reads maps.
        behind: Builds the head that reads the adapted features; None: a linear layer on their mean.
    """

    def __init__(
        self, dim: int, classes: int, k: int, width: int, hidden: int, mode: str = "channel", depth: int = 1,
        dropout: float = 0.0, grid: tuple[int, ...] = (), behind: Callable[[], nn.Module] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList([Block(dim, k, width, mode, hidden, dropout) for _ in range(depth)])
        self.norm2 = nn.LayerNorm(dim)
        self.classifier = behind() if behind else PooledLinear(dim, classes)
        self.grid = grid

    def adapt(self, tokens: Tensor) -> Tensor:
        """Adapted tokens H' (B, N, D) of backbone tokens (B, N, D)."""
        tokens = self.norm1(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm2(tokens)

    def attention(self, tokens: Tensor) -> Tensor:
        """The first block's routing weights beta (B, K) of backbone tokens (B, N, D)."""
        first = cast(Block, self.blocks[0])
        return first.attention.weights(first.norm1(self.norm1(tokens)))

    def forward(self, features: Features) -> Tensor:
        """What the head gives: logits (B, classes) of a classification."""
        return self.classifier(features.with_tokens(self.adapt(features.tokens), self.grid))

    @classmethod
    def from_reference(cls, state: Mapping[str, Tensor]) -> Self:
        """Build the head from a checkpoint in the released code's naming; sizes are read from its shapes.

        Args:
            state: ``post.norm1.*``, ``post.CLAdapter_layers.da_resblocks.<i>.*``, ``head.*``, each possibly below
                ``state.``. The released module's unused ``attn.proj`` is skipped.

        Raises:
            UsageError: A tensor is missing, of another shape, or not one of these.
        """
        try:
            own = _renamed(state)
            first = "blocks.0.attention."
            dim, k = own[first + "centers"].shape
            head = cls(
                dim=dim, classes=len(own["classifier.fc.weight"]), k=k, width=own[first + "matrices"].shape[-1],
                hidden=len(own["blocks.0.expand.weight"]), mode="channel" if first + "down.weight" in own else "token",
                depth=sum(name.endswith(".attention.centers") for name in own),
            )  # fmt: skip
            head.load_state_dict(own)
        except (KeyError, ValueError, RuntimeError) as error:
            raise UsageError(f"Not a checkpoint of the released CLAdapter: {error}") from error
        return head

    def to_reference(self) -> dict[str, Tensor]:
        """The head's tensors in the released code's naming: what `from_reference` reads.

        Raises:
            UsageError: Its classifier is no linear layer on the mean token, which the released code always has.
        """
        if not isinstance(self.classifier, PooledLinear):
            raise UsageError("The released CLAdapter only classifies: the head of another task has no names there.")
        return {_released(name): tensor.detach().clone() for name, tensor in self.state_dict().items()}


_UNUSED = re.compile(r"^post\.CLAdapter_layers\.da_resblocks\.\d+\.attn\.proj\.(weight|bias)$")
_RENAMES = (
    (r"^post\.CLAdapter_layers\.da_resblocks\.", "blocks."),
    (r"^post\.", ""),
    (r"^head\.", "classifier.fc."),
    (r"\.attn\.", ".attention."),
    (r"\.tran_ms$", ".matrices"),
    (r"\.(down|up)_layer\.", r".\1."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.mlp\.c_fc\.", ".expand."),
    (r"\.mlp\.c_proj\.", ".contract."),
)


_RELEASED = (
    (r"^classifier\.fc\.", "head."),
    (r"^(norm[12])\.", r"post.\1."),
    (r"^blocks\.", "post.CLAdapter_layers.da_resblocks."),
    (r"\.attention\.", ".attn."),
    (r"\.matrices$", ".tran_ms"),
    (r"\.attn\.(down|up)\.", r".attn.\1_layer."),
    (r"(da_resblocks\.\d+)\.norm([12])\.", r"\1.ln_\2."),
    (r"\.expand\.", ".mlp.c_fc."),
    (r"\.contract\.", ".mlp.c_proj."),
)


def _released(name: str) -> str:
    """One of our names as the released code has it."""
    for pattern, replacement in _RELEASED:
        name = re.sub(pattern, replacement, name)
    return name


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under our names, without the unused ones.

    Raises:
        ValueError: A name is not of the released code, or two names mean one tensor.
    """
    own: dict[str, Tensor] = {}
    for full, tensor in state.items():
        name = full.removeprefix("state.")
        if _UNUSED.match(name):
            continue
        if not name.startswith(("post.", "head.")):
            raise ValueError(f"{full} is no name of the released code")
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        if name in own:
            raise ValueError(f"{full} stands there twice")
        own[name] = tensor
    return own


class CLAdapter(Method):
    """Cluster Attention Adapter (Li et al., NeurIPS 2025): K centres route each image to a mixture of K matrices."""

    title = "CLAdapter"
    words = {
        "k": "K = {}",
        "tuning=frozen": "frozen backbone",
        "tuning=full": "everything at once",
        "tuning=staged": "staged",
    }
    stage_only = frozenset({"tuning"})

    k: PositiveInt = Field(20, description="cluster centres and transformation matrices")
    tuning: Literal["frozen", "full", "staged"] = Field(
        "staged", description="frozen backbone (the paper's LP), everything at once (FT), or one after the other (SFT)"
    )
    mode: Literal["channel", "token"] = Field("channel", description="what the matrices mix; token is the CDTM variant")
    bottleneck: PositiveInt = Field(256, description="side of the matrices in channel mode")
    depth: PositiveInt = Field(1, description="adapter blocks in a row")
    mlp_ratio: PositiveFloat = Field(4.0, description="hidden units of the MLP, times the token width")
    dropout: float = Field(0.0, ge=0, lt=1, description="after the attention and inside the MLP")

    @model_validator(mode="after")
    def _fields_apply(self) -> Self:
        if self.mode == "token" and "bottleneck" in self.changed():
            raise ValueError("bottleneck is for mode=channel; in token mode the matrices are as wide as the tokens")
        return self

    def stages(self) -> list[Stage]:
        if self.tuning == "full":
            return [Stage("stage1", trains="all")]
        first = Stage("stage1")
        return [first] if self.tuning == "frozen" else [first, Stage("stage2", trains="all")]

    def head(self, spec: HeadSpec) -> nn.Module:
        dim, tokens = spec.features.token_dim, spec.features.tokens
        width = self.bottleneck if self.mode == "channel" else tokens
        hidden = round(dim * self.mlp_ratio)
        adapted = replace(spec, features=spec.features.pooling_tokens())
        return CLAdapterHead(
            dim, spec.outputs, self.k, width, hidden, self.mode, self.depth, self.dropout, spec.features.grid,
            partial(plain_head, adapted),
        )  # fmt: skip

    def export(self, head: nn.Module) -> dict[str, Tensor]:
        return cast(CLAdapterHead, head).to_reference()

    def diagnose(self, model: Model, batches: Iterable[tuple[Features, Tensor]]) -> dict[str, Any]:
        head = cast(CLAdapterHead, model.head)
        pairs = [(head.attention(features.tokens), targets) for features, targets in batches]
        targets = torch.cat([targets for _, targets in pairs])
        classes = targets.ndim == 1 and not targets.is_floating_point()
        labels = targets if classes else targets.new_zeros(len(targets), dtype=torch.long)  # else all are one class
        return {"routing": routing(torch.cat([beta for beta, _ in pairs]), labels)}


def routing(beta: Tensor, labels: Tensor) -> dict[str, Any]:
    """How images are routed to centres.

    Args:
        beta: Routing weights (n, K).
        labels: Class numbers (n,).

    Returns:
        ``classes`` present, the mean ``beta`` of each (C, K), its ``entropy`` in nats (at most log K),
        ``centres_in_use`` (centres that get the largest weight of at least one image), and ``images``.
    """
    classes = labels.unique()
    means = torch.stack([beta[labels == label].cpu().double().mean(0) for label in classes])
    return {
        "classes": classes.tolist(),
        "beta": [[round(value, 6) for value in row] for row in means.tolist()],
        "entropy": torch.special.entr(means).sum(1).tolist(),
        "centres_in_use": int(beta.argmax(1).unique().numel()),
        "images": len(beta),
    }
