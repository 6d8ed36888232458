"""Linear probe: a linear classifier on the frozen backbone's pooled features."""

from __future__ import annotations

from torch import nn

from bench.backbones import FeatureSpec
from bench.methods import Method, PooledLinear


class LinearProbe(Method):
    """Linear classifier on the frozen backbone's pooled features ("Linear" in the papers' tables)."""

    needs_tokens = False

    def head(self, features: FeatureSpec, classes: int) -> nn.Module:
        return PooledLinear(features.pooled_dim, classes)
