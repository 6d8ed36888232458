"""The log of test evaluations: never shorter, whole after kills, shared by processes; a shut split stays shut."""

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
from appending import evaluation, write_many
from made_results import fill
from typer.testing import CliRunner

from bench.cli.app import app
from bench.core import appending
from bench.core.atomic import DiskFull
from bench.core.errors import UsageError
from bench.records import Store, review_status
from bench.records.evaluation_log import FILE, append, read
from bench.records.items import names_digest, packed, unpacked
from bench.records.review_status import FILE as STEPS
from bench.records.review_status import advance
from tests.engine.conftest import RunCells


def test_several_processes_append_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_many, args=(tmp_path, 100 * k, 25)) for k in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted(found.cell for found in read(tmp_path)) == sorted(
        evaluation(100 * k + n).cell for k in range(3) for n in range(25)
    )


@pytest.mark.parametrize("point", ["evaluation-writing", "evaluation-written"])
def test_a_killed_writer_costs_at_most_its_own_line(point: str, tmp_path: Path) -> None:
    append(tmp_path, evaluation(0))
    child = os.fork()
    if child == 0:
        os.environ["BENCH_FAULT"] = f"kill:{point}"
        append(tmp_path, evaluation(1))
        os._exit(0)  # a point of this name is not passed: the child must not go on as a second test run
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    append(tmp_path, evaluation(2))
    found = [one.cell for one in read(tmp_path)]
    assert found[0] == evaluation(0).cell
    assert found[-1] == evaluation(2).cell
    assert len(found) == (2 if point == "evaluation-writing" else 3)


def test_half_a_line_is_passed_over_and_spoils_no_other(tmp_path: Path) -> None:
    append(tmp_path, evaluation(0))
    with (tmp_path / FILE).open("a") as stream:
        stream.write('{"cell": "digits/pi')
    append(tmp_path, evaluation(1))
    assert [one.cell for one in read(tmp_path)] == [evaluation(0).cell, evaluation(1).cell]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense", '{"cell": "digits/pico/knn/quick/seed=0"}', "[]", '{"cell": 3, "stage": "fit"}', "",
        '{"cell": "x", "stage": "fit", "fingerprints": {}, "protocol": "", "times": 1, "time": "2026-01-01T00:00:00"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("which", ["evaluations", "steps"])
def test_a_line_that_says_nothing_is_named_with_its_number(which: str, line: str, tmp_path: Path) -> None:
    append(tmp_path, evaluation(0))
    step = {"cell": evaluation(0).cell, "predictions": "d", "status": "submitted", "by": "me"}
    (tmp_path / review_status.FILE).write_text(json.dumps(step) + "\n")
    file = tmp_path / {"evaluations": FILE, "steps": review_status.FILE}[which]
    file.write_text(file.read_text() + line + "\n")
    reader = {"evaluations": lambda: list(read(tmp_path)), "steps": lambda: review_status.read(tmp_path)}[which]
    with pytest.raises(UsageError, match=rf"{file.name}, line 2"):
        reader()


def test_half_a_line_of_a_killed_run_is_told(tmp_path: Path) -> None:
    append(tmp_path, evaluation(0))
    with (tmp_path / FILE).open("a") as stream:
        stream.write('{"cell": "digits/pi')
    append(tmp_path, evaluation(1))
    (tmp_path / review_status.FILE).write_text('{"cell": "digits/pi')
    (told,), (step,) = (appending.cut_off(tmp_path / log) for log in (FILE, review_status.FILE))
    assert f"{FILE}, line 2" in told
    assert f"{review_status.FILE}, line 1" in step
    output = CliRunner().invoke(app, ["results", "check", "--results", str(tmp_path)]).output
    assert told in output
    assert step in output


def test_a_kill_at_any_byte_of_a_line_stops_no_reader(tmp_path: Path) -> None:
    """Also after the brace of an object within it, or within a character of several bytes."""
    step = review_status.Step("digits/pico/knn/quick/seed=0", "d", "submitted", "Žofie\u2028B {x}")
    for log, line in (
        (FILE, json.dumps(asdict(evaluation(0)), sort_keys=True)),
        (review_status.FILE, json.dumps(asdict(step), ensure_ascii=False)),
    ):
        file, content = tmp_path / log, line.encode()
        for end in range(1, len(content)):
            file.write_bytes(content[:end] + b"\n" + content + b"\n")
            assert [number for number, _ in appending.whole_lines(file)] == [2], content[:end]
            assert len(appending.cut_off(file)) == 1
    assert [one.cell for one in read(tmp_path)] == [evaluation(0).cell]
    assert review_status.read(tmp_path) == {step.cell: [step]}


def test_code_edited_and_run_again_is_counted_again(run_cells: RunCells, tmp_path: Path) -> None:
    """Finding 4: the record is replaced, and its test-set evaluations once went with it."""
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


def sent_in(folder: Path) -> None:
    advance(folder, fill(folder, [evaluation(1).cell]), "submitted", "ada")


@pytest.mark.parametrize(("log", "add"), [(FILE, lambda folder: append(folder, evaluation(1))), (STEPS, sent_in)])
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
