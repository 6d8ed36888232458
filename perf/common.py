"""What the measuring scripts share: medians of alternated runs, the machine, and the small world they measure."""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from bench.cells.cell import Cell
from bench.core.environment import choose_device, environment
from bench.engine.plan import Planned, Planner
from bench.engine.settings import Settings
from bench.engine.setup import build_context
from bench.grid.resolve import resolve_all
from bench.records import Store
from bench.training.context import Context
from bench.training.learner import Learner
from bench.training.stages import StageRunner

# small splits for validation and test beside a part of the training split: what is measured is training
DATASET = "pacs[protocol=official_art_painting,fraction={fraction}]"
BACKBONE = "deit_tiny_patch16_224.imagenet1k[size=112]"
K_VALUES = (5, 10, 15, 20, 25, 30, 100, 200, 300)
NINE_K = ["linear_probe", *(f"cladapter[k={k},tuning=frozen]" for k in K_VALUES)]


def alternated(ways: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median seconds of each way; the ways take turns, so that a change of the machine's load hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - began)
    return {name: median(values) for name, values in seconds.items()}


def machine() -> str:
    """One line that says what was measured on."""
    facts = environment()
    where = facts["gpu"] if facts["gpu"] != "none" else facts["processor"]
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return (
        f"{where}, {torch.get_num_threads()} threads, torch {facts['torch']}, Python {platform.python_version()}{load}"
    )


def arguments(about: str | None, fraction: float, repeats: int) -> argparse.ArgumentParser:
    """The options that scripts on `DATASET` have in common, with their defaults."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--fraction", type=float, default=fraction, help="of the training split")
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--backbone", default=BACKBONE)
    return parser


def cell_names(chosen: argparse.Namespace, methods: Sequence[str], recipe: str) -> list[str]:
    """Names of cells on the chosen part of `DATASET` and the chosen backbone."""
    dataset = DATASET.format(fraction=chosen.fraction)
    return [f"{dataset}/{chosen.backbone}/{method}/{recipe}/seed=0" for method in methods]


def planned_of(names: list[str], settings: Settings) -> tuple[list[Planned], Planner]:
    """Resolve and plan cells by name."""
    planner = Planner(settings)
    cells = resolve_all(Cell.parse(name) for name in names)
    return planner.plan(cells, Store(settings.results)), planner


def context_of(planned: Planned, planner: Planner, settings: Settings) -> Context:
    """The context the engine itself would build."""
    return build_context(planned, planner, settings, choose_device(settings.device))


def learners_of(cells: list[Planned], context: Context, folder: Path) -> list[Learner]:
    """Fresh learners of the cells' first stages."""
    runner = StageRunner(context, folder, None, lambda learners, images: None)
    return [runner._learner(planned.jobs[0]) for planned in cells]


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as Markdown; the first is the heading."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
