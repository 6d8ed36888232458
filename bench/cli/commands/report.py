"""`bench report`: a results folder as web pages."""

from __future__ import annotations

import time
from pathlib import Path

from bench.api.report import report
from bench.records import Store


def text(results: Store, out: Path, data: Path | None = None) -> str:
    """Write the pages and say where they are; arguments and errors are those of `bench.report`."""
    began = time.perf_counter()
    written = report(results, out=out, data=data)
    return f"{written}, {time.perf_counter() - began:.0f} s"
