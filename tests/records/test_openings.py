"""The log of test openings: never shorter, whole after kills, shared by processes; a shut split stays shut."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from appending import opening, write_many
from made_results import fill

from bench.claims.binding import first_openings
from bench.core import appending
from bench.core.atomic import DiskFull
from bench.records import Store
from bench.records.items import names_digest, packed, unpacked
from bench.records.openings import FILE, append, read
from bench.records.standing import FILE as STEPS
from bench.records.standing import advance
from tests.engine.conftest import RunCells


def test_several_processes_append_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_many, args=(tmp_path, 100 * k, 25)) for k in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted(found.cell for found in read(tmp_path)) == sorted(
        opening(100 * k + n).cell for k in range(3) for n in range(25)
    )


@pytest.mark.parametrize("point", ["opening-writing", "opening-written"])
def test_a_killed_writer_costs_at_most_its_own_line(point: str, tmp_path: Path) -> None:
    append(tmp_path, opening(0))
    child = os.fork()
    if child == 0:
        os.environ["BENCH_FAULT"] = f"kill:{point}"
        append(tmp_path, opening(1))
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    append(tmp_path, opening(2))
    found = [one.cell for one in read(tmp_path)]
    assert found[0] == opening(0).cell
    assert found[-1] == opening(2).cell
    assert len(found) == (2 if point == "opening-writing" else 3)


def test_half_a_line_is_passed_over_and_spoils_no_other(tmp_path: Path) -> None:
    append(tmp_path, opening(0))
    with (tmp_path / FILE).open("a") as stream:
        stream.write('{"cell": "digits/pi')
    append(tmp_path, opening(1))
    assert [one.cell for one in read(tmp_path)] == [opening(0).cell, opening(1).cell]


def test_code_edited_and_run_again_is_counted_again(run_cells: RunCells, tmp_path: Path) -> None:
    """Finding 4: the record is replaced, and its openings once went with it."""
    run_cells(tmp_path, ["knn", "cladapter[k=2]"])
    assert sorted(one.stage for one in read(tmp_path)) == ["fit", "stage1", "stage2"]
    file = next(tmp_path.rglob("cladapter*/**/seed=0*.json"))
    record = json.loads(file.read_text())
    record["fingerprints"]["method"] = "older"
    file.write_text(json.dumps(record))
    run_cells(tmp_path, ["knn", "cladapter[k=2]"])
    assert sorted(one.stage for one in read(tmp_path)) == ["fit", "stage1", "stage1", "stage2", "stage2"]


def test_val_only_never_opens_the_test_split(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["knn", "linear_probe", "cladapter[k=2]"], val_only=True)
    assert not list(read(tmp_path))
    for record in Store(tmp_path).all():
        assert set(record.metrics) == {"val"}
        assert record.test_evaluations == 0
        assert not any(
            name.startswith("test/") or "/test/" in name for name in Store(tmp_path).predictions(record.cell)
        )
    assert run_cells(tmp_path, ["knn"], val_only=True).ran == 0
    done = run_cells(tmp_path, ["knn", "linear_probe"])
    assert done.ran == 2
    assert all("test" in record.metrics for record in Store(tmp_path).all() if record.method.name != "cladapter")


def test_item_scores_survive_packing_to_the_last_bit() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    for scores in (rng.integers(0, 2, 2000).astype(float), rng.normal(size=500), np.array([0.1] * 3)):
        assert np.array_equal(unpacked(packed(scores)), scores)
    assert len(packed(rng.integers(0, 2, 2048).astype(float))) < 700
    assert names_digest(np.array(["a", "b"])) != names_digest(np.array(["b", "a"]))


@pytest.mark.parametrize(
    "line",
    ['{"cell": 5}', '["cell"]', '{"time": "yesterday"}', '{"cell": "digits"}', '{"times": null}', "\udcff"],
    ids=["number", "list", "time", "name", "times", "bytes"],
)
def test_lines_that_nobody_wrote_stop_no_reader(tmp_path: Path, line: str) -> None:
    append(tmp_path, opening(0))
    other = json.loads(line) if line.startswith("{") else None
    text = line if other is None else json.dumps({**asdict(opening(1)), **other})
    (tmp_path / FILE).open("ab").write(f"{text}\n".encode("utf-8", "surrogateescape"))
    assert list(first_openings(Store(tmp_path))) == [opening(0).cell]
    assert [one.place for one in read(tmp_path)] == [opening(0).place]


def sent_in(folder: Path) -> None:
    advance(folder, fill(folder, [opening(1).cell]), "submitted", "ada")


@pytest.mark.parametrize(("log", "add"), [(FILE, lambda folder: append(folder, opening(1))), (STEPS, sent_in)])
def test_a_line_for_which_there_is_no_room_leaves_nothing(
    tmp_path: Path, log: str, add: Callable[[Path], None]
) -> None:
    """The disk takes the first bytes of a line, and no more."""
    add(tmp_path)
    before = (tmp_path / log).read_bytes()
    child = os.fork()
    if child == 0:
        size = len(before) + 10
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        appended = True
        try:
            appending.append(tmp_path / log, "x" * 100 + "\n", tmp_path / ".lock", "log")
        except DiskFull:
            appended = False
        finally:
            os._exit(appended)
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / log).read_bytes() == before
    add(tmp_path)
    assert (tmp_path / log).read_bytes().startswith(before)
