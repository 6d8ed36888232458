"""`bench reproduce`: a record against its repetition."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.api.reproduce import reproduce
from bench.core.text import as_json


def show(record: Path, json: bool, **options: Any) -> int:
    """Print the comparison and return the exit code: 1 when the result is different."""
    comparison = reproduce(record, **options)
    print(as_json(asdict(comparison)) if json else comparison)
    return 1 if comparison.verdict == "different" else 0
