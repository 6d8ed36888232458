"""AdaptBench: a benchmark suite for adapting pre-trained vision models to data-limited domains.

In a notebook: ``done = bench.run("quick", seeds=[0, 1, 2])``, then ``done.table()``, ``done.frame()``, ``done.plot()``;
``bench.load_model(path)`` gives a model whose weights were kept.

``import bench`` imports nothing heavy and changes no variable of the environment. A run sets two that make torch
faster, unless they are set or torch has been loaded by then. A program that imports torch first may set them itself,
before: ``GOMP_SPINCOUNT=1000`` (many times faster where processes share the cores) and ``THP_MEM_ALLOC_ENABLE=1``
(large heads on Linux). Results are the same to the bit.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api.compare import compare as compare
    from bench.api.errors import errors as errors
    from bench.api.outcome import Outcome as Outcome
    from bench.api.plot import plot as plot
    from bench.api.predict import predict as predict
    from bench.api.rank import rank as rank
    from bench.api.report import report as report
    from bench.api.reproduce import reproduce as reproduce
    from bench.api.run import run as run
    from bench.api.table import table as table
    from bench.api.verify import verify as verify
    from bench.engine.predictor import load_model as load_model
    from bench.records import load_records as load_records

# What is imported on first use: the command line must answer at once.
_COMMANDS = ("run", "compare", "table", "rank", "plot", "report", "predict", "errors", "verify", "reproduce")
_DOOR = {
    **{name: f"bench.api.{name}" for name in _COMMANDS},
    "Outcome": "bench.api.outcome",
    "load_model": "bench.engine.predictor",
    "load_records": "bench.records",
}


def __getattr__(name: str) -> Any:
    if name in _DOOR:
        return getattr(import_module(_DOOR[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_DOOR])
