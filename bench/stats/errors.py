"""The one error of this room."""

from __future__ import annotations

from bench.core.errors import BenchError


class StatisticsError(BenchError):
    """The scores cannot be analysed as given; the message says which shape or value is wrong."""

    kind = "statistics"
