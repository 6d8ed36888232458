"""`bench plot`: a chart of a results folder, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.core.errors import UsageError, nearest
from bench.records import Store


def plot(
    name: str,
    store: Store,
    filter: str | None,
    options: dict[str, str],
    out: Path | None = None,
    format: str | None = None,
) -> str:
    """Draw, write, and say what was found and where it is.

    Raises:
        UsageError: The chart, an option, the format or the records are wrong.
        CorruptRecord: Predictions that the chart needs are missing or altered.
    """
    from bench.plots.draw import Request, draw
    from bench.plots.export import FORMATS

    format = format or (out.suffix.removeprefix(".").lower() if out else "png")
    if format not in FORMATS:
        raise UsageError(f"No picture format {format!r}. {nearest(format, FORMATS)}")
    request = Request(store, filter, options, lambda paper: judged(store, paper), published)
    chart = draw(name, request)
    file = chart.save(out or Path(f"{name}.{format}"), format)
    return f"{chart.heading}\n{file}"


def judged(store: Store, selector: str | None) -> list[dict[str, Any]]:
    """Claims with their verdicts, as plain data."""
    from bench.claims.reading import judged as rows
    from bench.claims.render import facts

    return [facts(row) for row in rows(store, selector)]


def published(selector: str | None) -> list[dict[str, Any]]:
    """Claims as they stand in their files."""
    from bench.claims.published import chosen, load

    return [claim.model_dump(mode="json") for claim in chosen(load(None), selector)]
