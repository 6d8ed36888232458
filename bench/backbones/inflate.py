"""2D weights on volumes with layers that look along the depth: one model, in which slices see each other.

On a volume that repeats one slice, an inflated model gives the features of the 2D model on that slice (Carreira and
Zisserman, CVPR 2017, section 2.3, ask this of inflated kernels). Two details are needed for it: edges in depth repeat
slices rather than add zeros, and in a Vision Transformer the class token, which is one where there are D copies of each
patch, counts D times in the attention.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from bench.backbones.base import Backbone, probe
from bench.backbones.depth_conv import DepthConv2d, Folded, Kernel, grown
from bench.backbones.features import DepthOrder, Features, FeatureSpec
from bench.backbones.folded import fold, grouped
from bench.backbones.known_layers import check_known
from bench.backbones.timm_backbone import TimmBackbone
from bench.core.errors import UsageError


def inflate(
    backbone: TimmBackbone, depth: int, depth_stride: int = 1, kernel: Kernel = "mean", depth_kernel: int = 3
) -> Backbone:
    """Turn a 2D timm backbone into one for volumes of ``depth`` slices; it takes the backbone's model over.

    Args:
        backbone: A plain Vision Transformer, or a CNN of layers that are known here.
        depth: Slices a volume, D.
        depth_stride: By how much the depth of the features is smaller; independent of the stride in the plane.
        kernel: How a CNN's kernels grow in depth: "mean" spreads the 2D kernel evenly, "centre" puts it in the middle
            and zeros around it.
        depth_kernel: Slices that a CNN's kernels see, odd.

    Raises:
        UsageError: The model has a layer that is not known here, or the numbers do not fit it.
    """
    if depth < 1 or not 1 <= depth_stride <= depth:
        raise UsageError(f"depth_stride must lie in 1..depth, and is {depth_stride} of {depth}. Change one of them.")
    name = backbone.info.arch
    if type(backbone.model) is VisionTransformer:
        if kernel != "mean":
            raise UsageError(f"{name}: kernel={kernel} would skip slices of a Vision Transformer. Use kernel=mean.")
        check_known(backbone.model, name, "vit")
        return InflatedViT(backbone, depth, depth_stride)
    if depth_kernel < 3 or depth_kernel % 2 == 0:
        raise UsageError(f"depth_kernel must be odd and 3 or more, and is {depth_kernel}.")
    check_known(backbone.model, name, "cnn")
    return InflatedCNN(backbone, depth, depth_stride, kernel, depth_kernel)


class InflatedViT(Backbone):
    """A Vision Transformer whose attention joins the patches of all slices.

    A patch covers ``depth_stride`` slices; its kernel is the 2D kernel spread evenly. A position in depth is added to
    each patch; it is zero at the start and learnt where the backbone is trained. Keys of tokens that are not patches
    (class and register tokens, and prompts that a method adds) get log(D / stride) added to their attention logits.
    """

    model: Any

    def __init__(self, backbone: TimmBackbone, depth: int, depth_stride: int) -> None:
        super().__init__()
        model: Any = backbone.model
        self.model, self.info = model, backbone.info
        self.input_shape = (3, depth, *backbone.input_shape[1:])
        self.depth, self.stride = depth, depth_stride
        # Which slices share a patch is seen at once; how patches follow each other only by learnt positions.
        self.depth_order: DepthOrder = "learnable" if depth_stride == 1 else "used"
        grid = (math.ceil(depth / depth_stride), *model.patch_embed.grid_size)
        self.spec = FeatureSpec(backbone.spec.token_dim, backbone.spec.pooled_dim, grid, "vit")
        model.patch_embed.proj = grown(model.patch_embed.proj, depth_stride)
        self.depth_position = nn.Parameter(torch.zeros(1, grid[0], 1, backbone.spec.token_dim))
        for block in model.blocks:
            weigh = partial(_weigh_prefix, patches=math.prod(grid), copies=grid[0])
            block.attn.register_forward_pre_hook(weigh, with_kwargs=True)
        self.eval()

    def forward(self, volumes: Tensor) -> Features:
        """Normalised volumes (B, 1 or 3, D, H, W) to features; see the class."""
        batch, model, prefix = len(volumes), self.model, int(self.model.num_prefix_tokens)
        groups = grouped(fold(volumes, self.depth), batch, self.stride)
        embedded = model._pos_embed(model.patch_embed(groups.transpose(1, 2).flatten(1, 2)))
        slices = embedded.unflatten(0, (batch, -1))
        patches = (slices[:, :, prefix:] + self.depth_position).flatten(1, 2)
        tokens = model.norm_pre(torch.cat([slices[:, 0, :prefix], patches], dim=1))
        final = model.norm(model.blocks(tokens))
        return Features(final[:, prefix:], model.forward_head(final, pre_logits=True))


def _weigh_prefix(
    attention: nn.Module, inputs: tuple[Any, ...], others: dict[str, Any], patches: int, copies: int
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Let each key before the patches count as often as there are slices: exp(logit + log copies).

    It stands at the attention itself, not at the block, since methods may put their own block around it.
    """
    tokens = inputs[0]
    bias = tokens.new_zeros(1, 1, 1, tokens.shape[1])
    bias[..., : tokens.shape[1] - patches] = math.log(copies)
    return inputs, {**others, "attn_mask": bias}


class InflatedCNN(Backbone):
    """A CNN whose spatial kernels also see the slices around; 1 x 1 kernels stay as they are.

    Slices are folded into the batch, so that every layer of the 2D model keeps its type and its meaning: norms and
    activations are the same in 2D and 3D, pools and squeeze-and-excitation look at one slice. The depth is never
    strided, which would skip slices: ahead of ``log2(depth_stride)`` stages pairs of slices are averaged.
    """

    model: Any

    def __init__(
        self, backbone: TimmBackbone, depth: int, depth_stride: int, kernel: Kernel, depth_kernel: int
    ) -> None:
        super().__init__()
        self.model, self.info = backbone.model, backbone.info
        self.input_shape = (3, depth, *backbone.input_shape[1:])
        self.depth = depth
        self.depth_order: DepthOrder = "learnable" if kernel == "centre" and depth_stride == 1 else "used"
        self.folded = Folded()
        for stage in _stages_to_halve(self.model, depth_stride, self.info.arch):
            stage.register_forward_pre_hook(partial(_halve, folded=self.folded))
        for name, conv in _spatial(self.model):
            self.model.set_submodule(name, DepthConv2d(conv, depth_kernel, kernel, self.folded))
        self.spec = self._measure()
        self.eval()

    def forward(self, volumes: Tensor) -> Features:
        """Normalised volumes (B, 1 or 3, D, H, W) to features; see the class."""
        final = self._final(volumes)
        tokens = final.flatten(3).movedim(2, 3).flatten(1, 2)
        # The head pools over the plane: with depth laid along the height, that is the mean over the volume.
        pooled = self.model.forward_head(final.transpose(1, 2).flatten(2, 3), pre_logits=True)
        return Features(tokens, pooled)

    def _final(self, volumes: Tensor) -> Tensor:
        """The last feature map, (B, D / stride, C, h, w)."""
        self.folded.batch = len(volumes)
        return self.model.forward_features(fold(volumes, self.depth)).unflatten(0, (len(volumes), -1))

    @torch.no_grad()
    def _measure(self) -> FeatureSpec:
        self.eval()
        depth, _, *plane = self._final(self.blank()).shape[1:]
        features = probe(self)
        return FeatureSpec(features.tokens.shape[2], features.pooled.shape[1], (depth, *plane), "cnn")


def _halve(stage: nn.Module, inputs: tuple[Tensor, ...], folded: Folded) -> Tensor:
    return grouped(inputs[0], folded.batch, 2).mean(1)


def _spatial(model: nn.Module) -> list[tuple[str, nn.Conv2d]]:
    """Convolutions that look beyond a pixel, by name."""
    convs = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    return [(name, conv) for name, conv in convs if math.prod(conv.kernel_size) > 1]


def _stages_to_halve(model: Any, depth_stride: int, name: str) -> list[nn.Module]:
    """The first stages after the stem, as many as halvings are needed.

    Raises:
        UsageError: The stride is no power of two, or there are fewer stages.
    """
    stages = [info["module"] for info in model.feature_info[1:]]
    halvings = depth_stride.bit_length() - 1
    if depth_stride != 2**halvings or halvings > len(stages):
        raise UsageError(f"{name}: depth_stride must be a power of two up to {2 ** len(stages)}, not {depth_stride}.")
    return [model.get_submodule(stage) for stage in stages[:halvings]]
