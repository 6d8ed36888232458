"""One report of made results, and one browser, for all tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, opened
from made_results import EVIL, EVIL_CELL, failure, fill, finished, grid

from bench.pages.build import build
from bench.records import Flags, Store


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    fill(folder, grid(seeds=3), n=120)
    methods = ["majority", "knn", "cladapter", "cladapter[k=5]", "cladapter[k=100]"]
    fill(folder, grid("breakhis", "pico", methods, "tuned", 2), n=80, classes=4)
    store = Store(folder)
    for shots in (1, 4, 16):
        fill(folder, grid(f"pacs[shots={shots}]", "pico", ["knn", "lora", "cladapter"], "quick", 2), n=80)
    for seed in range(2):
        evil = Flags(notes=[EVIL], leaks=[EVIL])
        store.put(*finished(EVIL_CELL.format(seed), 80, 4, flags=evil))
    store.put_failure(failure("digits/pico/bitfit/quick/seed=9"))
    return folder


@pytest.fixture(scope="session")
def report(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "report"
    build(Store(results), folder)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    chromium()
    with opened() as found:
        yield found
