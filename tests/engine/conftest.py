"""A small world for the engine: the type of what `run_cells` (tests/conftest.py) is."""

from __future__ import annotations

from collections.abc import Callable

from bench.engine.run import Done

RunCells = Callable[..., Done]
