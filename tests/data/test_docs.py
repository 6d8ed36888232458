"""docs/datasets.md says what the cards say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from bench.plugins import registry

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_dataset_docs", ROOT / "tools" / "make_dataset_docs.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert text == tool.page(), "run python tools/make_dataset_docs.py"
    assert all(f"### {name}\n" in text for name in registry.catalog("datasets"))
