"""Faster R-CNN and Mask R-CNN by torchvision, on maps of any backbone: the plain heads of detection and instances.

Boxes are shares of the image, so that nothing depends on its size. Inside, they are pixels of a frame four times the
finest map, which is the input itself for the usual strides.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead, concat_box_prediction_layers
from torchvision.ops import MultiScaleRoIAlign

from bench.backbones.features import Features
from bench.backbones.pyramid import Pyramid
from bench.tasks.base import HeadSpec

MOST = 100  # detections an image, as COCO judges
MASK = 28  # side of a mask before it is pasted into its box
RATIOS = (0.5, 1.0, 2.0)
ANCHOR = 4  # side of an anchor in strides: half of the usual, since inputs are a quarter of the usual size


@dataclass(frozen=True)
class Size:
    """How large a detector is.

    Attributes:
        width: Channels of the pyramid's maps.
        hidden: Units of the box head.
        proposed: Regions an image that are looked at, in training and in testing.
        sampled: Anchors, and regions, an image that a training step learns from.
        mask_layers: Convolutions of the mask head.
    """

    width: int
    hidden: int
    proposed: tuple[int, int]
    sampled: int
    mask_layers: int


# What two cores can carry, and torchvision's own.
SIZES = {"small": Size(128, 512, (200, 100), 64, 2), "wide": Size(256, 1024, (2000, 1000), 256, 4)}


@dataclass(frozen=True)
class Truth:
    """The objects of one image.

    Attributes:
        boxes: (k, 4) left, top, right, bottom as shares of the image.
        labels: (k,) classes from 0.
        masks: (k, H, W) of any size, or None.
    """

    boxes: Tensor
    labels: Tensor
    masks: Tensor | None = None


@dataclass(frozen=True)
class Proposed:
    """What the head gives: the maps with their region proposals; losses and detections are computed when asked for.

    Attributes:
        maps: (B, width, H_i, W_i), finest first.
        objectness, deltas: What the region proposal network says, level by level.
    """

    head: RCNNHead
    maps: tuple[Tensor, ...]
    objectness: list[Tensor]
    deltas: list[Tensor]

    def float(self) -> Proposed:
        """The same in float32."""
        objectness, deltas = ([x.float() for x in found] for found in (self.objectness, self.deltas))
        return replace(self, maps=tuple(x.float() for x in self.maps), objectness=objectness, deltas=deltas)

    def loss(self, truths: list[Truth]) -> Tensor:
        """The sum of the proposals', the boxes' and, where it has any, the masks' losses."""
        return self.head.loss(self, truths)

    def detections(self) -> dict[str, Tensor]:
        """``boxes`` (B, MOST, 4) as shares, ``scores`` (B, MOST), ``classes`` (B, MOST) with -1 for none, and perhaps
        ``masks`` (B, MOST, MASK, MASK) uint8, shares of 255 within the box."""
        return self.head.detections(self)


class RCNNHead(nn.Module):
    """A pyramid, a region proposal network, and heads for boxes and masks.

    Args:
        spec: What the backbone gives, and the number of classes.
        masks: Whether masks are found too.
        size: One of `SIZES`.
    """

    def __init__(self, spec: HeadSpec, masks: bool, size: str) -> None:
        super().__init__()
        width, hidden, (training, testing), sampled, layers = astuple(SIZES[size])
        self.pyramid = Pyramid(spec.features, width)
        levels = self.pyramid.count
        sizes = tuple((ANCHOR * 4 * 2**level,) for level in range(levels))
        anchors = AnchorGenerator(sizes, (RATIOS,) * levels)
        top = {"training": training, "testing": testing}
        self.proposals = RegionProposalNetwork(
            anchors, RPNHead(width, len(RATIOS)), 0.7, 0.3, sampled, 0.5, {k: 2 * v for k, v in top.items()}, top, 0.7
        )
        names = [str(level) for level in range(levels)]
        outputs = spec.outputs + 1  # torchvision's class 0 is none
        mask_parts = _mask_parts(names, width, layers, outputs) if masks else {}
        self.regions = RoIHeads(
            MultiScaleRoIAlign(names, 7, 2), TwoMLPHead(width * 49, hidden), FastRCNNPredictor(hidden, outputs),
            0.5, 0.5, sampled, 0.25, None, 0.05, 0.5, MOST, **mask_parts,
        )  # fmt: skip

    def forward(self, features: Features) -> Proposed:
        """The maps and the region proposal network's raw outputs."""
        maps = self.pyramid(features)
        objectness, deltas = self.proposals.head(list(maps))
        return Proposed(self, maps, objectness, deltas)

    def loss(self, found: Proposed, truths: list[Truth]) -> Tensor:
        """See `Proposed.loss`. In evaluation the sampled regions are the same every time, and no chance is used up."""
        frame = _frame(found.maps)
        targets = [_in_pixels(truth, frame) for truth in truths]
        with _training_branches(self):
            anchors = self._anchors(found.maps, frame)
            objectness, deltas = concat_box_prediction_layers(found.objectness, found.deltas)
            labels, matched = self.proposals.assign_targets_to_anchors(anchors, targets)
            wanted = self.proposals.box_coder.encode(matched, anchors)
            losses = dict(zip("od", self.proposals.compute_loss(objectness, deltas, labels, wanted), strict=True))
            regions = self._regions(found, anchors, objectness, deltas, frame)
            named = {str(level): x for level, x in enumerate(found.maps)}
            _, more = self.regions(named, regions, [frame] * len(targets), targets)
        return torch.stack([*losses.values(), *more.values()]).sum()

    def detections(self, found: Proposed) -> dict[str, Tensor]:
        """See `Proposed.detections`."""
        frame = _frame(found.maps)
        anchors = self._anchors(found.maps, frame)
        objectness, deltas = concat_box_prediction_layers(found.objectness, found.deltas)
        regions = self._regions(found, anchors, objectness, deltas, frame)
        named = {str(level): x for level, x in enumerate(found.maps)}
        results, _ = self.regions(named, regions, [frame] * len(regions), None)
        return as_kept(results, frame)

    def _anchors(self, maps: tuple[Tensor, ...], frame: tuple[int, int]) -> list[Tensor]:
        """Anchors (A, 4) of each image, all the same."""
        generator, first = self.proposals.anchor_generator, maps[0]
        generator.set_cell_anchors(first.dtype, first.device)
        grids = [list(x.shape[-2:]) for x in maps]
        strides = [
            [torch.tensor(full / n, device=first.device) for full, n in zip(frame, g, strict=True)] for g in grids
        ]
        return [torch.cat(generator.grid_anchors(grids, strides))] * len(first)

    def _regions(
        self, found: Proposed, anchors: list[Tensor], objectness: Tensor, deltas: Tensor, frame: tuple[int, int]
    ) -> list[Tensor]:
        """Proposed boxes (r, 4) of each image, best first."""
        count = len(anchors)
        boxes = self.proposals.box_coder.decode(deltas.detach(), anchors).view(count, -1, 4)
        per_level = [x[0].numel() for x in found.objectness]
        regions: list[Tensor] = self.proposals.filter_proposals(boxes, objectness, [frame] * count, per_level)[0]
        return regions


def _mask_parts(names: list[str], width: int, layers: int, outputs: int) -> dict[str, Any]:
    return {
        "mask_roi_pool": MultiScaleRoIAlign(names, MASK // 2, 2),
        "mask_head": MaskRCNNHeads(width, (width,) * layers, 1),
        "mask_predictor": MaskRCNNPredictor(width, width, outputs),
    }


@contextmanager
def _training_branches(head: RCNNHead) -> Iterator[None]:
    """Let torchvision's modules compute losses, which they do in training mode only; none of them has a mode of its own
    (no dropout, no batch norm). Outside of training, chance starts anew and is given back."""
    was_training = head.training
    parts = (head.proposals, head.regions)
    with torch.random.fork_rng(enabled=not was_training):
        if not was_training:
            torch.manual_seed(0)
        for part in parts:
            part.training = True
        try:
            yield
        finally:
            for part in parts:
                part.training = was_training


def _frame(maps: tuple[Tensor, ...]) -> tuple[int, int]:
    """Height and width of the frame that boxes are computed in."""
    height, width = maps[0].shape[-2:]
    return 4 * height, 4 * width


def _in_pixels(truth: Truth, frame: tuple[int, int]) -> dict[str, Tensor]:
    """A truth in torchvision's terms."""
    height, width = frame
    scale = truth.boxes.new_tensor([width, height, width, height])
    target = {"boxes": truth.boxes * scale, "labels": truth.labels.long() + 1}
    if truth.masks is not None:
        masks = truth.masks[None].float()
        if masks.shape[-2:] != frame and masks.shape[1]:
            masks = nn.functional.interpolate(masks, frame, mode="nearest")
        target["masks"] = masks[0].view(-1, *frame) if masks.shape[1] else masks.new_zeros(0, *frame)
    return target


def as_kept(results: list[dict[str, Tensor]], frame: tuple[int, int]) -> dict[str, Tensor]:
    """What torchvision's detectors find, as `Proposed.detections` gives it.

    Args:
        results: Of each image ``boxes``, ``scores``, ``labels`` from 1, and perhaps ``masks`` (k, 1, MASK, MASK).
        frame: Height and width that the boxes are given in.
    """
    height, width = frame
    padded: dict[str, list[Tensor]] = OrderedDict(boxes=[], scores=[], classes=[])
    for result in results:
        boxes = result["boxes"] / result["boxes"].new_tensor([width, height, width, height])
        padded["boxes"].append(_filled(boxes, 0))
        padded["scores"].append(_filled(result["scores"], 0))
        padded["classes"].append(_filled((result["labels"] - 1).short(), -1))
        if "masks" in result:
            masks = (result["masks"][:, 0] * 255).round().byte()
            padded.setdefault("masks", []).append(_filled(masks, 0))
    return {name: torch.stack(values) for name, values in padded.items()}


def _filled(values: Tensor, value: int) -> Tensor:
    """Values (k, ...), the first of them, filled up to (MOST, ...)."""
    full = values.new_full((MOST, *values.shape[1:]), value)
    full[: len(values)] = values[:MOST]
    return full
