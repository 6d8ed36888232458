"""Staged fine-tuning without an adapter: first the classifier, then everything."""

from __future__ import annotations

from torch import nn

from bench.backbones import FeatureSpec
from bench.methods import Method, PooledLinear, Stage


class StagedFinetune(Method):
    """Linear probe, then full fine-tuning from its best epoch ("SFT" without adapter in CLAdapter's Table 3)."""

    def stages(self) -> list[Stage]:
        return [Stage("stage1"), Stage("stage2", trains="all")]

    def head(self, features: FeatureSpec, classes: int) -> nn.Module:
        return PooledLinear(features.pooled_dim, classes)
