"""What somebody with a folder of photographs meets first."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from made_images import class_folders
from typer.testing import CliRunner, Result

from bench.cli.app import app
from bench.conformance.tiny import tiny_weights
from bench.records import Store

pytestmark = pytest.mark.slow

CELLS = [f"digits/pico/{method}/quick/seed=0" for method in ("majority", "knn")]


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_dry_run_of_stages_that_cells_share(tmp_path: Path) -> None:
    """`frozen` is the first stage of `staged`, and of another method's cell too."""
    planned = invoke("run", "quick", "--dry-run", "--results", tmp_path, "-o", "seeds=[0]")
    assert planned.exit_code == 0, planned.output
    assert "8 of 8 cells would run" in planned.output
    assert re.search(r"In all about \d+ \w+, of which \d+ \w+ digits", planned.output)


def test_columns_of_the_table_are_chosen_and_checked_before_training(tmp_path: Path) -> None:
    wrong = invoke("run", *CELLS, "--results", tmp_path, "--metrics", "acuracy")
    assert wrong.exit_code == 2
    assert "No metric 'acuracy'. Did you mean 'accuracy'" in wrong.stderr
    assert not list(Store(tmp_path).all())
    right = invoke("run", *CELLS, "--results", tmp_path, "--metrics", "balanced_accuracy,nll")
    head = next(line for line in right.stdout.splitlines() if "balanced_accuracy %" in line)
    assert "nll nats" in head
    assert "macro_f1" not in head
    found = json.loads(invoke("run", *CELLS, "--results", tmp_path, "--metrics", "auc", "--json").stdout)
    assert {"auc"} == {"auc", "accuracy", "nll"} & found["table"][0].keys()


def test_a_run_says_how_to_go_on(tmp_path: Path) -> None:
    class_folders(tmp_path / "pets", classes=2, each=10)
    cells = [f"image_folder[path=pets]/pico/{method}/quick/seed=0" for method in ("majority", "knn")]
    done = invoke("run", *cells, "--data", tmp_path, "--results", tmp_path / "my runs")
    steps = [line.strip() for line in done.stderr.partition("Next:\n")[2].splitlines()]
    assert f"bench compare majority knn --results '{tmp_path / 'my runs'}'" in steps
    assert any(line.startswith("bench plot comparison") for line in steps)
    assert not any(" -o " in line for line in steps)  # cells take none
    (tmp_path / "pets" / "c0" / "0.png").write_bytes(b"no image")
    broken = invoke("run", *cells, CELLS[0], "--data", tmp_path, "--results", tmp_path / "my runs")
    assert broken.exit_code == 1
    assert "Next: mend what failed" in broken.stderr


def test_one_model_has_one_name(tmp_path: Path) -> None:
    assert invoke("run", *CELLS, "--results", tmp_path, "-q").exit_code == 0
    again = invoke("run", *(cell.replace("pico", "pico[size=64]") for cell in CELLS), "--results", tmp_path)
    assert "Nothing to do: all 2 cells are up to date" in again.stderr
    assert [record.cell for record in Store(tmp_path).all()] == sorted(CELLS)


@pytest.mark.parametrize("size", [7, 31])
def test_a_size_that_is_too_small_names_the_smallest_that_works(tmp_path: Path, size: int) -> None:
    small = invoke("run", CELLS[1].replace("pico", f"pico[size={size}]"), "--results", tmp_path)
    assert small.exit_code == 2
    assert f"pico does not take size {size}; the smallest that works is 32." in small.stderr
    least = invoke("run", CELLS[1].replace("pico", "pico[size=32]"), "--results", tmp_path, "-q")
    assert least.exit_code == 0, least.output


def test_imbalance_is_marked(tmp_path: Path) -> None:
    class_folders(tmp_path / "pets", classes=2, each=40)
    for number, file in enumerate(sorted((tmp_path / "pets" / "c1").iterdir())):
        if number >= 8:
            file.unlink()
    cell = "image_folder[path=pets,accept_leaks=[duplicate]]/pico/majority/quick/seed=0"
    invoke("run", cell, CELLS[0], "--data", tmp_path, "--results", tmp_path / "runs", "-q")
    rows = json.loads(invoke("table", "--results", tmp_path / "runs", "--format", "json").stdout)
    marks = {row["dataset"].partition("[")[0]: row["warnings"] for row in rows}
    notes = next(note for row in rows for note in row["notes"] if note.startswith("imbalanced"))
    assert "imbalanced" in marks["image_folder"]
    assert "imbalanced" not in marks["digits"]
    assert re.search(r"largest class has \d+ times .* see balanced_accuracy", notes)


def test_doctor_names_weights_without_metadata(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import save_file

    name = tiny_weights(tmp_path, "vit")
    with safe_open(str(tmp_path / f"{name}.safetensors"), "numpy") as file:
        save_file({key: file.get_tensor(key) for key in file.keys()}, tmp_path / "bare.safetensors")  # noqa: SIM118
    lines = {
        line.split()[2]: line
        for line in invoke("doctor", "--weights", tmp_path).stdout.splitlines()
        if "backbone" in line
    }
    assert list(lines) == ["bare"]
    assert "timm_arch" in lines["bare"]


def test_a_method_that_is_not_here_is_marked(tmp_path: Path) -> None:
    from made_records import done

    Store(tmp_path).put(*done("digits/pico/somebody_elses/quick/seed=0"))
    Store(tmp_path).put(*done(CELLS[1]))
    rows = json.loads(invoke("table", "--results", tmp_path, "--format", "json").stdout)
    assert {row["method"]: "unknown method" in row["warnings"] for row in rows} == {
        "somebody_elses": True,
        "knn": False,
    }
