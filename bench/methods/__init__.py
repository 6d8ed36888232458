"""The contracts of methods, and the parts they share."""

from bench.methods.base import FeatureMethod, FeatureSplit, Fitted, Method, Stage
from bench.methods.parts import PooledLinear

__all__ = ["FeatureMethod", "FeatureSplit", "Fitted", "Method", "PooledLinear", "Stage"]
