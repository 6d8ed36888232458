"""`bench report`: a results folder as web pages."""

from __future__ import annotations

import time
from pathlib import Path

from bench.records import Store


def report(store: Store, out: Path, data: Path | None = None) -> str:
    """Write the pages and say where they are.

    Args:
        data: The data root, for example images.

    Raises:
        UsageError: There are no records, or the folder is one of something else.
    """
    from bench.data.audit.examples import examples, look_alikes
    from bench.data.roots import data_root
    from bench.pages.build import build

    root = data_root(data)
    began = time.perf_counter()
    done = build(
        store,
        out,
        lambda record, folder: examples(record, root, folder),
        lambda record, folder, audit: look_alikes(record, root, folder, audit),
    )
    seconds = time.perf_counter() - began
    told = f"{done.records:,} records, {done.boards:,} leaderboards, {done.pages:,} pages, {done.megabytes:.1f} MB"
    return f"{out / 'index.html'}\n{told}, {seconds:.0f} s"
