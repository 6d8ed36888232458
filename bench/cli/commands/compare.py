"""`bench compare A B`: one page on two rows."""

from __future__ import annotations

from dataclasses import asdict

from bench.api.compare import compare
from bench.core.text import as_json
from bench.records import Store


def text(
    a: str, b: str, results: Store, split: str = "test", metric: str = "", across_recipes: bool = False,
    json: bool = False,
) -> str:  # fmt: skip
    """Text of ``bench compare``; errors are those of `bench.compare`."""
    found = compare(a, b, results=results, split=split, metric=metric, across_recipes=across_recipes)
    if not json:
        return str(found)
    return as_json({**asdict(found), "pair": {**asdict(found.pair), "table": None}, "verdict": found.pair.verdict})
