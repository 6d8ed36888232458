"""The contracts of methods, and the parts they share."""

from bench.methods.base import Batch, FeatureMethod, Fitted, Method, ParamGroup, Stage
from bench.methods.hooks import Memory, Selected, Step, Trainables
from bench.methods.parts import PooledLinear, plain_head
from bench.tasks.base import FeatureSplit, HeadSpec

__all__ = [
    "Batch",
    "FeatureMethod",
    "FeatureSplit",
    "Fitted",
    "HeadSpec",
    "Memory",
    "Method",
    "ParamGroup",
    "PooledLinear",
    "Selected",
    "Stage",
    "Step",
    "Trainables",
    "plain_head",
]
