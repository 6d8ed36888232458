"""The site of the documents: it builds without a warning, runs its notebooks, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ELSEWHERE = re.compile(r'(?:<script|<link|<img)[^>]*(?:src|href)="https?:')


@pytest.mark.slow
def test_the_site_is_built_and_its_notebooks_run(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = {page.relative_to(site).as_posix(): page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert not [text for text in pages.values() if ELSEWHERE.search(text)]
    assert all(f'id="bench.api.{name}.{name}"' in pages["api.html"] for name in ("run", "table", "compare", "predict"))
    assert all(f'id="bench-{name}"' in pages["commands.html"] for name in ("run", "table", "compare", "data-audit"))
    for notebook in ("own_images", "add_a_baseline"):
        assert "linear_probe" in pages[f"notebooks/{notebook}.html"]
        assert "<table" in pages[f"notebooks/{notebook}.html"], "outputs are shown"
