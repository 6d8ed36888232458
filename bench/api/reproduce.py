"""`bench.reproduce`: a record against its repetition."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.places import Place, path
from bench.core.speed import set_before_torch
from bench.engine.settings import Settings
from bench.plugins.folders import add_folders

if TYPE_CHECKING:
    from bench.engine.reproduce import Comparison


def reproduce(
    record: Place,
    *,
    data: Place | None = None,
    weights: Place | None = None,
    device: str | None = None,
    partial: bool = False,
    quiet: bool = False,
    plugins: Iterable[Place] = (),
) -> Comparison:
    """Run a record's cell again and compare: equal, within rounding, or different; prints as text.

    Args:
        record: A ``seed=N.json`` below a results folder.
        data: Folder of the data sets; without it ``BENCH_DATA``.
        weights: Folder of weights; without it ``BENCH_WEIGHTS``.
        device: cpu, cuda, ...; without it CUDA when there is one, else the CPU.
        partial: Accept incomplete data.
        quiet: No progress bar and no remarks.
        plugins: Further folders of plug-ins.

    Raises:
        UsageError: The file is no finished record, or the repetition failed.
    """
    set_before_torch()
    from bench.engine.reproduce import reproduce as repeated

    add_folders(plugins)
    settings = Settings(data=path(data), weights=path(weights), device=device, partial=partial, quiet=quiet)
    return repeated(Path(record), settings)
