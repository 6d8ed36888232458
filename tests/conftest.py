"""Every test run has its own caches and no plug-in folders of the person who runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Before torch is imported anywhere: workers on few cores must not fight for them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A loaded machine is slow, not wrong.
settings.register_profile("patient", deadline=None, max_examples=60)
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _own_caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["BENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ.pop("BENCH_PLUGINS", None)


@pytest.fixture
def plugin_folder(tmp_path: Path) -> Path:
    """An empty folder for a test's own plug-ins."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder
