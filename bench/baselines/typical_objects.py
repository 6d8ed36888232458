"""Trivial baseline of detection and instance segmentation: in every image the objects that are most frequent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec

if TYPE_CHECKING:
    from torch import Tensor

    from bench.heads.rcnn import Truth

LOOKED_AT = 2000  # objects of a class: all pairs of them are compared
SAME_PLACE = 0.5  # intersection over union


class TypicalObjects(FeatureMethod):
    """Trivial baseline: the same objects in every image, scored by the share of training images with the class there.

    There is where boxes overlap by one half; of boxes in the same place the most frequent stays. Masks are the mean of
    the class's masks within their boxes. Of a class with more than 2,000 objects as many drawn ones are looked at.
    """

    title = "Typical objects"
    tasks = ("detection", "instances")
    trivial_baseline = 1

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        import torch

        from bench.heads.rcnn import as_kept

        truths = [_objects(torch.from_numpy(target)) for target in train.y]
        typical = [_of_class(truths, label) for label in range(spec.outputs)]
        joined = {name: torch.cat([found[name] for found in typical]) for name in typical[0]}
        best = joined["scores"].argsort(descending=True, stable=True)
        kept = as_kept([{name: values[best] for name, values in joined.items()}], (1, 1))
        image = {name: values.numpy() for name, values in kept.items()}
        return Fitted(predict=lambda x: {name: np.repeat(values, len(x), axis=0) for name, values in image.items()})


def _objects(target: Tensor) -> Truth:
    """The objects of one image, given as boxes (M, 6), of which those count that are judged, or as a map (H, W)."""
    from bench.heads.rcnn import Truth
    from bench.tasks import instances

    if not target.is_floating_point():
        return instances.truth(target)
    judged = target[(target[:, 4] >= 0) & (target[:, 5] == 0)]
    return Truth(judged[:, :4], judged[:, 4])


def _of_class(truths: list[Truth], label: int) -> dict[str, Tensor]:
    """A class's typical objects, in the terms of torchvision's detectors."""
    import torch
    from torchvision.ops import box_iou, nms

    chosen = [truth.labels == label for truth in truths]
    boxes = torch.cat([truth.boxes[which].float() for truth, which in zip(truths, chosen, strict=True)])
    image = torch.cat([torch.full((int(which.sum()),), place) for place, which in enumerate(chosen)])
    chance = torch.Generator().manual_seed(0)  # every n-th one could be the same object of each image
    looked_at = torch.randperm(len(boxes), generator=chance)[:LOOKED_AT].sort().values
    boxes, image = boxes[looked_at], image[looked_at]
    there = box_iou(boxes, boxes) >= SAME_PLACE
    images = torch.zeros(len(boxes), len(truths)).index_add_(1, image, there.float()) > 0
    scores = images.float().mean(1)
    best = nms(boxes, scores, SAME_PLACE)
    found = {"boxes": boxes[best], "scores": scores[best], "labels": torch.full((len(best),), label + 1)}
    if truths[0].masks is not None:
        found["masks"] = _mean_mask(truths, chosen).expand(len(best), 1, -1, -1)
    return found


def _mean_mask(truths: list[Truth], chosen: list[Tensor]) -> Tensor:
    """The mean (MASK, MASK) over some objects of each image of their masks within their boxes; zeros without any."""
    import torch
    from torchvision.ops import roi_align

    from bench.heads.rcnn import MASK

    found = [torch.zeros(0, 1, MASK, MASK)]
    for truth, which in zip(truths, chosen, strict=True):
        assert truth.masks is not None
        if which.any():
            masks = truth.masks[which][:, None].float()
            size = masks.new_tensor(masks.shape[-2:]).flip(0).repeat(2)  # width, height, width, height
            found.append(roi_align(masks, list((truth.boxes[which].float() * size)[:, None]), MASK, aligned=True))
    shapes = torch.cat(found)
    return shapes.sum((0, 1)) / max(len(shapes), 1)
