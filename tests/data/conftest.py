"""No test of the data layer touches the user's own cache or data."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A fresh data root."""
    place = tmp_path / "data"
    place.mkdir()
    return place


@pytest.fixture
def outlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task "outlines", whose targets are maps, is there."""
    monkeypatch.setenv("BENCH_PLUGINS", str(Path(__file__).resolve().parents[1] / "helpers" / "plugins"))
