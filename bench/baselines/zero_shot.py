"""Zero-shot classification by text features of the class names."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat

from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec
from bench.methods.text import text_of, unit


class ZeroShot(FeatureMethod):
    """Zero-shot: cosine of image and class-name features times CLIP's logit scale (Radford et al., ICML 2021)."""

    title = "Zero-shot CLIP"
    needs_text = True

    scale: PositiveFloat = Field(100.0, description="of the cosines; CLIP's learned temperature")

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        text = unit(text_of(spec, self.plugin_name())).cpu()
        return Fitted(predict=lambda x: (self.scale * unit(torch.from_numpy(x)) @ text.T).numpy())
