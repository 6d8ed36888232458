"""Data sets as tables, splits as functions on the table, and images decoded once."""

from bench.data.base import Dataset, Sample
from bench.data.splits import Folds, LeaveDomainOut, Official, PerClass, Split

__all__ = ["Dataset", "Folds", "LeaveDomainOut", "Official", "PerClass", "Sample", "Split"]
