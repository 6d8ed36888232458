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
        before, after = ("undefined" if value is None else f"{value:.4f}" for value in comparison.scores)
        print(f"{comparison.cell}: {comparison.verdict} (largest difference of an output {comparison.largest:.3g})")
        print(f"  test {comparison.metric}: {before} in the record, {after} now")
        for what, differing in (("fingerprint", comparison.changed), ("environment", comparison.environment)):
            for name, (old, new) in differing.items():
                print(f"  {what} {name} differs: {old[:60] or 'none'} -> {new[:60] or 'none'}")
    return 1 if comparison.verdict == "different" else 0
