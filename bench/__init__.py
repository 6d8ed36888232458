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
    from bench.cli.notebook import Outcome as Outcome
    from bench.cli.notebook import compare as compare
    from bench.cli.notebook import run as run
    from bench.engine.predictor import load_model as load_model
    from bench.records import load_records as load_records

# What is imported on first use: the command line must answer at once.
_DOOR = {
    "load_records": "bench.records",
    "load_model": "bench.engine.predictor",
    **dict.fromkeys(("run", "compare", "Outcome"), "bench.cli.notebook"),
}


def __getattr__(name: str) -> Any:
    if name in _DOOR:
        return getattr(import_module(_DOOR[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_DOOR])
