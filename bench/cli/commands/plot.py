"""`bench plot`: a chart of a results folder, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.api.plot import plot
from bench.records import Store


def text(
    name: str, filter: list[str] | None, results: Store, out: Path | None = None, format: str | None = None,
    **options: Any,
) -> str:  # fmt: skip
    """Draw, write, and say what was found and where it is; arguments and errors are those of `bench.plot`.

    Args:
        out: ``NAME.png`` here, or what the format asks for, where none is named.
    """
    file = out or Path(f"{name}.{format or 'png'}")
    chart = plot(name, filter, results=results, out=file, format=format, **options)
    return f"{chart.heading}\n{file}"
