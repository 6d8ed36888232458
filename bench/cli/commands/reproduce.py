"""`bench reproduce`: a record against its repetition."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from bench.cli.commands.text import as_json
from bench.engine.settings import Settings


def show(record: Path, settings: Settings, json: bool) -> int:
    """Print the comparison and return the exit code: 1 when the result is different."""
    from bench.engine.reproduce import reproduce

    comparison = reproduce(record, settings)
    if json:
        print(as_json(asdict(comparison)))
    else:
        before, after = (f"{100 * value:.2f} %" for value in comparison.accuracy if value is not None)
        print(f"{comparison.cell}: {comparison.verdict} (largest difference of a logit {comparison.largest:.3g})")
        print(f"  test accuracy: {before} in the record, {after} now")
        for what, differing in (("fingerprint", comparison.changed), ("environment", comparison.environment)):
            for name, (old, new) in differing.items():
                print(f"  {what} {name} differs: {old[:60] or 'none'} -> {new[:60] or 'none'}")
    return 1 if comparison.verdict == "different" else 0
