"""Carry records of schema 2 over to versions: run once, from a file of the fingerprints that their cells had before.

``python tools/carry_over.py FINGERPRINTS.json``, with BENCH_DATA and BENCH_WEIGHTS. The file holds cell -> fingerprints
as the last revision with hashes of sources planned them. A record that agrees with it gets the fingerprints of today,
whose goldens were made at that revision; another one stays as it is, and is stale. Predictions are not touched.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.cells.cell import Cell
from bench.core.atomic import write_text
from bench.engine.plan import Planner
from bench.engine.settings import Settings
from bench.grid.resolve import resolve_all

RESULTS = Path("results")
Names = dict[str, str]


def main(before: Path) -> None:
    old: dict[str, Names] = json.loads(before.read_text())
    planner = Planner(Settings(results=RESULTS, partial=True))
    resolved = resolve_all(map(Cell.parse, old), planner.weights_folder)
    new = {one.name: planner.planned(one).fingerprints for one in resolved}
    print(carry_records(old, new), "records,", carry_log(old, new), "test-set evaluations carried over")


def carry_records(old: dict[str, Names], new: dict[str, Names]) -> int:
    count = 0
    for file in sorted(RESULTS.rglob("seed=*.json")):
        record = json.loads(file.read_text())
        same = record["fingerprints"] == old.get(record["cell"])
        found = {**record, "fingerprints": new[record["cell"]] if same else record["fingerprints"], "schema_version": 3}
        renamed = {"floor": "trivial_baseline", "test_openings": "test_evaluations"}
        named = {renamed.get(name, name): value for name, value in found.items()}
        write_text(file, json.dumps(named, separators=(",", ":"), ensure_ascii=False) + "\n")
        count += same
    return count


def carry_log(old: dict[str, Names], new: dict[str, Names]) -> int:
    log, count = RESULTS / "test_evaluations.jsonl", 0
    lines = []
    for line in map(json.loads, log.read_text().splitlines()):
        same = line["fingerprints"] == old.get(line["cell"])
        count += same
        lines.append({**line, "fingerprints": new[line["cell"]]} if same else line)
    write_text(log, "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
    return count


if __name__ == "__main__":
    main(Path(sys.argv[1]))
