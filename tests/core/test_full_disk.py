"""A full disk in every writer: one line, exit code 2, no half file, and the same command goes on once there is room."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from disks import fill, read_only, small_disk
from made_results import fill as results_of
from made_results import grid
from PIL import Image
from typer.testing import CliRunner

from bench.cli.app import app
from bench.core.atomic import DiskFull
from bench.records import Store
from tests.engine.conftest import RunCells

pytestmark = pytest.mark.slow

KNN = "digits[shots=2]/pico/knn/quick[epochs=1]/seed=0"


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder of made records."""
    folder = tmp_path_factory.mktemp("runs")
    results_of(folder, grid(methods=["knn", "lora", "vpt"], seeds=2))
    return folder


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 64) as place:
        yield place


def whole_files(disk: Path) -> set[str]:
    """What lies on the disk beside its filler, locks and nothing half."""
    found = {str(path.relative_to(disk)) for path in disk.rglob("*") if path.is_file()}
    assert not [name for name in found if ".tmp" in name]
    return {name for name in found if name != "filler" and not name.endswith(".lock")}


def says_so(done: Result) -> bool:
    lines = done.output.strip().splitlines()
    return done.exit_code == 2 and len(lines) == 1 and lines[0].startswith("bench: The disk is full: ")


@pytest.mark.parametrize("command", ["list", "table", "table --format json", "results check", "doctor"])
def test_no_room_for_what_a_command_prints(made: Path, command: str) -> None:
    """As in `bench table > FILE`: half a table is no table."""
    words = command.split() + (["--results", str(made)] if command != "list" else [])
    with Path("/dev/full").open("w") as full:
        code = [sys.executable, "-c", "from bench.cli.app import main; main()", *words]
        done = subprocess.run(code, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("bench: The disk is full: what the command prints was not written.")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [
        "plot comparison --results MADE --out DISK/a.png",
        "plot comparison --results MADE --out DISK/a.json",
        "new baseline mine --folder DISK/mine",
        "report --results MADE --out DISK/report",
    ],
)
def test_no_writer_leaves_half_a_file(made: Path, disk: Path, command: str) -> None:
    fill(disk)
    done = invoke(*(word.replace("MADE", str(made)).replace("DISK", str(disk)) for word in command.split()))
    assert says_so(done), done.output
    assert not whole_files(disk)


@pytest.mark.parametrize("room", [0, 30_000])
def test_a_report_that_found_no_room_is_no_obstacle(made: Path, tmp_path: Path, disk: Path, room: int) -> None:
    (disk / "filler").write_bytes(b"x" * (64 * 1024 - room))
    assert says_so(invoke("report", "--results", made, "--out", disk / "report"))
    whole_files(disk)
    with small_disk(tmp_path / "larger", 20_000) as larger:
        subprocess.run(["cp", "-r", disk / "report", larger], check=True)
        assert invoke("report", "--results", made, "--out", larger / "report").exit_code == 0


def test_predictions_and_kept_weights(run_cells: RunCells, tmp_path: Path, disk: Path, weights: Path) -> None:
    kept = tmp_path / "kept"
    run_cells(kept, ["knn"], dataset="digits[shots=2]", backbone="pico", recipe="quick[epochs=1]", keep_weights=True)
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "new.png")
    fill(disk)
    command = ["predict", "knn", tmp_path / "new.png", "--results", kept, "--weights", weights]
    assert "The disk is full" in invoke(*command, "--out", disk / "out.csv").output
    assert not whole_files(disk)
    (disk / "filler").unlink()
    (disk / "filler").write_bytes(b"x" * 30_000)  # room for the record, none for the model
    with pytest.raises(DiskFull):
        run_cells(
            disk, ["knn"], dataset="digits[shots=2]", backbone="pico", recipe="quick[epochs=1]", keep_weights=True
        )
    assert not [name for name in whole_files(disk) if name.endswith((".safetensors", ".new"))]


def test_a_read_only_results_folder_is_read(run_cells: RunCells, tmp_path: Path) -> None:
    """What is up to date needs no writing; what would run says where it cannot write."""
    folder = tmp_path / "runs"
    folder.mkdir()
    run_cells(folder, ["knn"], dataset="digits[shots=2]", backbone="pico", recipe="quick[epochs=1]")
    cell = next(iter(Store(folder).all())).cell
    with read_only(folder):
        assert invoke("table", "--results", folder).exit_code == 0
        assert "Nothing to do" in invoke("run", cell, "--results", folder).output
        for command in (["run", cell.replace("knn", "ridge")], ["reproduce", Store(folder).path(cell)]):
            done = invoke(*command, *(["--results", folder] if command[0] == "run" else []))
            assert done.exit_code == 2
            assert done.output.count("\n") == 1
            assert "Cannot write" in done.output


def test_a_read_only_cache_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("BENCH_CACHE", str(cache))
    with read_only(cache):
        done = invoke("run", KNN, "--results", tmp_path / "runs")
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert "Read-only file system" in done.output
