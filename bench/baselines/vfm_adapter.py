"""VFM-Adapter: adapters beside attention and MLP whose 3x3 kernels are generated from the image itself.

A reimplementation from the abstract and from a public repository that looks like the authors' (yuzeng0-0/adapter); no
text or table of the paper could be read. `docs/vfm_adapter.md` says what is known and what is assumed.
"""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import conv2d

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.blocks import OnGrid, Seams, adapt_blocks, layout_of

CODE = 64  # width of the code that a kernel is generated from
KERNEL = 3


class QuickGELU(nn.Module):
    """``x sigmoid(1.702 x)``."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x * torch.sigmoid(1.702 * x)


class KernelGenerator(nn.Module):
    """A hypernetwork: a code (B, CODE) per image to its kernels (B, width, width, 3, 3), of low rank.

    ``code -> (width_in, low_dim) -> (width_in, width_out * 9)``, two linear layers; the kernel gets no generated bias.

    Args:
        width: Channels in and out.
        low_dim: Inner width.
        queries: Embeddings that look for what to read of an image; shared by all blocks, as the layers are.
    """

    def __init__(self, width: int, low_dim: int, queries: int) -> None:
        super().__init__()
        self.width, self.low_dim = width, low_dim
        self.expand = nn.Linear(CODE, width * low_dim)
        self.project = nn.Linear(low_dim, width * KERNEL**2)
        self.queries = nn.Parameter(torch.empty(queries, CODE))
        for weight in (self.expand.weight, self.project.weight, self.queries):
            nn.init.xavier_uniform_(weight)
        for bias in (self.expand.bias, self.project.bias):
            nn.init.zeros_(bias)

    def code(self, keys: Tensor) -> Tensor:
        """What the queries read of an image, added up: keys (B, N, CODE) to (B, CODE)."""
        weights = (keys @ self.queries.T).softmax(dim=1)  # over the places
        return torch.einsum("bnq,bnc->bc", weights, keys)

    def forward(self, code: Tensor) -> Tensor:
        """Kernels (B, width_out, width_in, 3, 3)."""
        low = self.expand(code).unflatten(1, (self.width, self.low_dim))
        return self.project(low).unflatten(2, (self.width, KERNEL, KERNEL)).transpose(1, 2)


class HybridAdapter(nn.Module):
    """``s up(dropout(gelu(conv(gelu(down(x))))))`` with a kernel of each image's own: (B, H, W, D) to the same.

    Args:
        dim: Channels of the tokens, D.
        generator: Shared with the other blocks, so it is held but not owned.
        scale: Factor s.
    """

    def __init__(self, dim: int, generator: KernelGenerator, scale: float, dropout: float) -> None:
        super().__init__()
        width = generator.width
        self.shared = (generator,)  # in a tuple, so that its parameters are not this module's too
        self.down, self.up = nn.Linear(dim, width), nn.Linear(width, dim)
        self.keys = nn.Sequential(nn.Linear(dim, CODE), nn.ReLU(), nn.Linear(CODE, CODE))
        self.activation, self.dropout, self.scale = QuickGELU(), nn.Dropout(dropout), scale
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def kernels(self, x: Tensor) -> Tensor:
        """The kernels (B, width, width, 3, 3) of images given by their tokens (B, H, W, D)."""
        (generator,) = self.shared
        return generator(generator.code(self.keys(x.flatten(1, 2))))

    def forward(self, x: Tensor) -> Tensor:
        """What is added beside the branch."""
        maps = self.activation(self.down(x)).permute(0, 3, 1, 2)
        maps = self.activation(convolved(maps, self.kernels(x)))
        return self.scale * self.up(self.dropout(maps.permute(0, 2, 3, 1)))


def convolved(maps: Tensor, kernels: Tensor) -> Tensor:
    """Each map with its own kernel, in one grouped convolution: (B, C, H, W) and (B, O, C, 3, 3) to (B, O, H, W)."""
    batch, channels, height, width = maps.shape
    together = maps.reshape(1, batch * channels, height, width)
    return conv2d(together, kernels.flatten(0, 1), padding=KERNEL // 2, groups=batch).view(batch, -1, height, width)


class VFMAdapter(Method):
    """VFM-Adapter (AAAI 2025), reimplemented: adapters with kernels generated per image, beside attention and MLP.

    Not known, and assumed here: `scale`, `queries` (the code's num_mask), that the embeddings belong to the shared
    generator, that codes are read from the code network's own outputs, and that class tokens are left alone.
    """

    title = "VFM-Adapter"
    families = ("vit", "hybrid")
    identity_at_start = True

    bottleneck: PositiveInt = Field(32, description="channels of the generated convolution; 32 is 2.81 % of SAM-B")
    low_dim: PositiveInt = Field(8, description="inner width of the generator")
    queries: PositiveInt = Field(8, description="embeddings that read an image's code; assumed")
    scale: PositiveFloat = Field(0.1, description="factor of the added path; assumed, as in AdaptFormer")
    dropout: float = Field(0.1, ge=0, lt=1, description="inside the added path")

    def inject(self, backbone: Backbone) -> None:
        generators = nn.ModuleList([KernelGenerator(self.bottleneck, self.low_dim, self.queries) for _ in range(2)])
        layout = layout_of(backbone, self.plugin_name())

        def beside(dim: int, generator: nn.Module) -> OnGrid:
            assert isinstance(generator, KernelGenerator)
            return OnGrid(HybridAdapter(dim, generator, self.scale, self.dropout), layout)

        def seams(number: int, dim: int) -> Seams:
            return Seams(beside=(beside(dim, generators[0]), beside(dim, generators[1])))

        adapt_blocks(backbone, self.plugin_name(), seams)
        backbone.generators = generators
