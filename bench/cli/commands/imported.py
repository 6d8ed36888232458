"""`bench import`: predictions made elsewhere."""

from __future__ import annotations

from pathlib import Path


def take_in(
    file: Path, dataset: str, name: str, results: Path, data: Path | None, seed: int, partial: bool, scores: str
) -> str:  # fmt: skip
    """Take a file of predictions in and say what it is worth; errors are those of `bench.engine.imported.take_in`."""
    from bench.data.roots import data_root
    from bench.engine.imported import take_in as taken
    from bench.tables.metrics import metrics_of

    record, found = taken(file, dataset, name, results, data_root(data), seed, partial, scores)
    metric = metrics_of(record.task)[0]
    told = ", ".join(f"{split} {100 * (values[metric.name] or 0):.2f} %" for split, values in record.metrics.items())
    remark = f" ({found.remark})" if found.remark else ""
    return f"{len(found.ids)} predictions, read as {found.kind}{remark}: {metric.name} {told}\n{record.cell}"
