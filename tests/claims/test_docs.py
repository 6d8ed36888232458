"""docs/claims.md says what the claims and the rules say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from bench.claims import load

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_claims_docs", ROOT / "tools" / "make_claims_docs.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    assert text == tool.page(), "run python tools/make_claims_docs.py"


def test_every_number_is_on_the_page() -> None:
    text = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    for claim in load()["cladapter"].claims:
        name = claim.id.split(":")[2]
        assert re.search(rf"^\| `{name}` .*\| {re.escape(claim.value)} +\|", text, re.MULTILINE), claim.id
