"""Data sets as tables, splits as functions on the table, and samples decoded once."""

from bench.data.base import Dataset, Sample
from bench.data.tables.splits import DomainHoldout, Folds, LeaveDomainOut, Official, PerClass, Split

__all__ = ["Dataset", "DomainHoldout", "Folds", "LeaveDomainOut", "Official", "PerClass", "Sample", "Split"]
