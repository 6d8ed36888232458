"""What an audit examines and says: a data set under one protocol, and one kind of finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.data.base import Dataset

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["undeclared", "warning", "declared", "note"]
SHOWN = 10  # samples listed per problem


@dataclass(frozen=True)
class Problem:
    """One kind of finding.

    Attributes:
        kind: "unreadable", "odd_file", "duplicate", "conflicting_labels", "counts", a kind of group, ...
        count: How many files, samples or groups it concerns.
        samples: Up to ten of them.
    """

    kind: str
    status: Status
    detail: str
    count: int = 1
    samples: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """The data set under one protocol; ``table`` has the column ``split``."""

    dataset: Dataset
    table: pd.DataFrame
