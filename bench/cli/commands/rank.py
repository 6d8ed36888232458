"""`bench rank`: methods over several data sets, in a format, and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.api.rank import rank
from bench.records import Store


def text(
    filter: list[str] | None,
    results: Store,
    format: str = "text",
    names: bool = False,
    label: Sequence[str] = (),
    figure: Path | None = None,
) -> str:
    """Text of ``bench rank``; errors are those of `bench.rank`."""
    found = rank(filter, results=results, names=names, label=label)
    if figure is not None:
        from bench.plots.ranks import ranks

        ranks(found).save(figure)
    return found.text(format)
