"""Building a 2D backbone leaves its weights alone."""

from __future__ import annotations

import timm
import torch

from bench.backbones.family import WeightsInfo
from bench.backbones.timm_backbone import TimmBackbone


def test_building_does_not_touch_the_batch_norms() -> None:
    model = timm.create_model("mobilenetv3_small_050", num_classes=0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    TimmBackbone(model, WeightsInfo("mobilenetv3_small_050", 64, (0.5,) * 3, (0.5,) * 3), 64)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
