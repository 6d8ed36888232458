"""AdaptBench: a benchmark suite for adapting pre-trained vision models to data-limited domains."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.records import load_records as load_records


def __getattr__(name: str) -> Any:
    """``bench.load_records``, imported on first use: the command line must answer at once."""
    if name == "load_records":
        from bench.records import load_records

        return load_records
    raise AttributeError(f"module 'bench' has no attribute {name!r}")
