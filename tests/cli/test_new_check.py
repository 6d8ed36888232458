"""`bench new` writes files that work; `bench check` passes them and names what breaks a contract."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from bench.cli.app import app

pytestmark = pytest.mark.slow


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def verdicts(*arguments: str | Path) -> dict[str, dict[str, str | None]]:
    return {verdict["check"]: verdict for verdict in json.loads(invoke("check", "--json", *arguments).stdout)}


def test_a_new_baseline_passes_and_runs(plugin_folder: Path, tmp_path: Path) -> None:
    written = invoke("new", "baseline", "my_head", "--folder", plugin_folder)
    assert written.exit_code == 0
    file = plugin_folder / "my_head.py"
    assert "class MyHead(Method)" in file.read_text()
    checked = invoke("check", file)
    assert checked.exit_code == 0, checked.stdout
    assert "0 skipped, 0 failed" in checked.stdout
    cell = "digits[shots=2]/pico/my_head/quick[epochs=1]/seed=0"
    ran = invoke("run", cell, "--plugins", plugin_folder, "--results", tmp_path / "runs")
    assert ran.exit_code == 0, ran.output


def test_a_new_data_set_is_told_what_its_card_lacks(plugin_folder: Path, tmp_path: Path) -> None:
    assert invoke("new", "dataset", "unwritten", "--folder", plugin_folder).exit_code == 0
    found = verdicts(plugin_folder / "unwritten.py", "--data", tmp_path)
    assert [name for name, verdict in found.items() if verdict["problem"]] == ["card"]
    assert "Fill it in" in str(found["card"]["problem"])


def fill_in(file: Path) -> None:
    """Write a card, as the author of a new data set does."""
    text = file.read_text().replace(
        "what is shown, how many images and classes (authors, venue, year)", "40 pets of 2 kinds (Doe, 2024)"
    )
    for placeholder, value in (
        ("https://example.org", "https://pets.test"),
        ("say which", "CC0"),
        ("authors, title, venue, year", "J. Doe, Pets, 2024"),
        ("what to get, from where", "pets.zip from the homepage"),
    ):
        assert placeholder in text
        text = text.replace(placeholder, value)
    file.write_text(text)


def test_a_new_data_set_passes_on_its_data_once_its_card_is_written(plugin_folder: Path, tmp_path: Path) -> None:
    assert invoke("new", "dataset", "pets", "--folder", plugin_folder).exit_code == 0
    file = plugin_folder / "pets.py"
    fill_in(file)
    without = invoke("check", file, "--data", tmp_path)
    assert without.exit_code == 0
    assert "skipped" in without.stdout
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(20):
            pixels = np.random.default_rng([label, number]).integers(0, 255, (12, 12, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    found = verdicts(file, "--data", tmp_path)
    assert not [verdict for verdict in found.values() if verdict["problem"]]
    assert [name for name, verdict in found.items() if verdict["skipped"]] == [
        "expected_counts"
    ]  # the card states none


BOX = "<annotation><object><name>{}</name><bndbox>{}</bndbox></object></annotation>"
CORNERS = "<xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>7</ymax>"


@pytest.mark.parametrize(
    ("task", "names", "method"),
    [("detection", '("cat", "dog")', "typical_objects"), ("segmentation", '("background", "cat")', "majority_pixel")],
)
def test_a_new_data_set_with_boxes_or_masks_passes_and_runs(
    plugin_folder: Path, tmp_path: Path, task: str, names: str, method: str
) -> None:
    written = invoke("new", "dataset", "pets", "--folder", plugin_folder, "--task", task)
    assert written.exit_code == 0, written.output
    assert "linear_probe" in written.stdout
    file = plugin_folder / "pets.py"
    fill_in(file)
    file.write_text(file.read_text().replace('("name the classes",)', names).replace(
        '("background", "name the others")', names))  # fmt: skip
    for folder in ("images", "annotations", "masks"):
        (tmp_path / "pets" / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(20):
        image = Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8))
        image.save(tmp_path / "pets" / "images" / f"{number}.png")
        note = BOX.format(("cat", "dog")[number % 2], CORNERS)
        (tmp_path / "pets" / "annotations" / f"{number}.xml").write_text(note)
        Image.fromarray(np.tri(9, dtype=np.uint8)).save(tmp_path / "pets" / "masks" / f"{number}.png")
    checked = invoke("check", file, "--data", tmp_path)
    assert checked.exit_code == 0, checked.stdout
    cell = f"pets/pico/{method}/quick/seed=0"
    ran = invoke("run", cell, "--plugins", plugin_folder, "--data", tmp_path, "--results", tmp_path / "runs")
    assert ran.exit_code == 0, ran.output


def test_a_task_without_a_template_is_refused(plugin_folder: Path) -> None:
    refused = invoke("new", "dataset", "pets", "--folder", plugin_folder, "--task", "detecton")
    assert (refused.exit_code, "detection" in refused.output) == (2, True)
    assert not (plugin_folder / "pets.py").exists()


def test_a_broken_contract_is_named(plugin_folder: Path) -> None:
    (plugin_folder / "forgetful.py").write_text(
        '"""Forgetful."""\nfrom torch import nn\n\nfrom bench.methods import Method, PooledLinear\n\n\n'
        'class Forgetful(Method):\n    """Its field has no description, and it gives one class too few."""\n\n'
        "    width: int = 3\n\n    def head(self, features, classes):\n"
        "        return PooledLinear(features.pooled_dim, classes - 1)\n"
    )
    result = invoke("check", plugin_folder / "forgetful.py")
    assert result.exit_code == 1
    assert "FAILED" in result.stdout
    found = verdicts(plugin_folder / "forgetful.py")
    assert "description" in str(found["card"]["problem"])
    assert found["shapes"]["problem"] is not None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["new", "baseline", "knn"], "already"),
        (["new", "baseline", "My-Name"], "small letters"),
        (["new", "dataset", "class"], "small letters"),
        (["check", "kn"], "'knn'"),
        (["check", "gone.py"], "no file"),
    ],
)
def test_wrong_requests(arguments: list[str], told: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_nothing_is_overwritten(plugin_folder: Path) -> None:
    assert invoke("new", "baseline", "mine", "--folder", plugin_folder).exit_code == 0
    (plugin_folder / "mine.py").write_text("# precious\n")
    assert invoke("new", "baseline", "mine", "--folder", plugin_folder).exit_code == 2
    assert (plugin_folder / "mine.py").read_text() == "# precious\n"


def test_a_name_may_carry_fields() -> None:
    assert verdicts("digits[shots=5]")["card"]["problem"] is None
