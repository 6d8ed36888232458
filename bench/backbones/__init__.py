"""Pre-trained backbones behind one `Features` interface."""

from bench.backbones.features import Features, FeatureSpec

__all__ = ["FeatureSpec", "Features"]
