"""Commands that are offered run as they are pasted: parsed by the command line, with names and folders that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from command_lines import parse
from photographs import photographs
from typer.testing import CliRunner, Result

from bench.cli.app import app
from bench.core.commands import command

LINE = re.compile(r"(?:^|[\s`])(bench (?:run|table|compare|plot|predict|check|data) [^`\n]*)")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def offered(text: str) -> list[list[str]]:
    """Arguments of every command in a text, without what a shell leaves out behind #."""
    return [shlex.split(line, comments=True)[1:] for line in LINE.findall(text)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photographs, a folder of plug-ins and one with a blank in its name for results."""
    photographs(tmp_path / "my data" / "places", 10, 0)
    plugins = tmp_path / "plug ins"
    plugins.mkdir()
    ridge = "from bench.baselines.ridge import Ridge\n\n\nclass Mine(Ridge):\n"
    (plugins / "mine.py").write_text(f'{ridge}    """A ridge of one\'s own."""\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_words_are_quoted_and_the_usual_folder_is_not_named() -> None:
    made = command("run", "own", "-o", "seeds=[0,1]", results=Path("runs"), data=Path("my data"))
    assert shlex.split(made) == ["bench", "run", "own", "-o", "seeds=[0,1]", "--data", "my data"]


SUITE = ["own", "-o", "dataset=image_folder[path=places]", "-o", "methods=[majority,knn,mine]", "-o", "backbone=lite0",
         "-o", "seeds=[0]", "-o", "image_size=32"]  # fmt: skip
CELLS = ["digits/pico/knn/quick/seed=0", "digits/pico/majority/quick/seed=0"]
OTHERS = {True: CELLS, False: ["digits[shots=5]/pico/majority/quick/seed=0"]}


@pytest.mark.slow
@pytest.mark.parametrize("targets", [SUITE, CELLS], ids=["suite", "cells"])
def test_what_follows_a_run_can_be_pasted(targets: list[str], world: Path) -> None:
    """With the folders that were named; after cells, which take no -o, none is offered. Methods and backbones that
    other records of the folder share are told apart."""
    place = ["--data", "my data", "--results", "my runs", "--plugins", "plug ins"]
    assert invoke("run", "digits/pico[size=32]/knn/quick/seed=0", *OTHERS[targets is SUITE], *place).exit_code == 0
    ran = invoke("run", *targets, *place, "--keep-weights")
    assert ran.exit_code == 0, ran.output
    commands = offered(ran.stderr)
    assert {words[0] for words in commands} >= {"compare", "predict", "plot"}
    assert any(words[0] == "run" for words in commands) == (targets is SUITE)
    for words in commands:
        parse(words)
        assert words[words.index("--results") + 1] == "my runs"
        assert words[words.index("--plugins") + 1] == "plug ins"
        if words[0] == "run":
            assert words[words.index("--data") + 1] == "my data"
            assert invoke(*words, "--dry-run").exit_code == 0
        if words[0] in ("compare", "plot"):
            told = invoke(*words)
            assert told.exit_code == 0, told.output
        if words[0] == "predict":
            assert invoke(*[word.replace("FOLDER", "my data/places") for word in words]).exit_code in (0, 2)


def test_what_follows_a_run_on_validation_data_can_be_pasted(world: Path) -> None:
    ran = invoke("run", *CELLS, "--results", "my runs", "--val-only")
    commands = offered(ran.stderr)
    assert [words[0] for words in commands] == ["compare"]
    assert invoke(*commands[0]).exit_code == 0


@pytest.mark.slow
def test_what_follows_a_run_of_two_backbones_and_of_drawn_splits_can_be_pasted(world: Path) -> None:
    """Rows of two backbones are told apart; splits drawn anew have no items to pair, so no comparison is offered."""
    suite = ["own", "-o", "dataset=image_folder[path=places]", "-o", "methods=[majority,knn]", "-o", "image_size=32",
             "-o", "seeds=[0]", "--data", "my data"]  # fmt: skip
    for more, kinds in (
        ([], {"run", "compare", "plot"}),
        (["-o", "protocol=resampled", "-o", "data_seed=[0,1]"], {"run", "plot"}),
    ):
        commands = offered(invoke("run", *suite, *more).stderr)
        assert {words[0] for words in commands} == kinds
        for words in commands:
            told = invoke(*words, *(["--dry-run"] if words[0] == "run" else []))
            assert told.exit_code == 0, told.output


def test_a_failed_run_offers_itself(world: Path) -> None:
    ran = invoke("run", "digits/pico/linear_probe/quick[lr=1e30]/seed=0", CELLS[0], "--results", "my runs")
    assert ran.exit_code == 1
    again, table = offered(ran.stderr)
    assert again[:1] + table[:1] == ["run", "table"]
    assert invoke(*table).exit_code == 0
    parse(again)


def test_a_model_that_was_not_kept_names_the_run_that_keeps_it(world: Path) -> None:
    assert invoke("run", CELLS[0], "--results", "my runs").exit_code == 0
    asked = ["predict", "knn", "my data/places", "--results", "my runs"]
    told = invoke(*asked)
    assert told.exit_code == 2
    (again,) = offered(told.stderr.replace("\n", " "))
    assert invoke(*again).exit_code == 0
    assert invoke(*asked).exit_code in (0, 1)  # found; photographs are no digits


@pytest.mark.parametrize("kind", ["baseline", "dataset"])
def test_what_follows_a_new_file_can_be_pasted(kind: str, world: Path) -> None:
    told = invoke("new", kind, f"my_{kind}", "--folder", "plug ins")
    commands = offered(told.stdout)
    assert [words[0] for words in commands] == ["check", "run"]
    for words in commands:
        parse(words)
    if kind == "baseline":
        assert [invoke(*words).exit_code for words in commands] == [0, 0]


@pytest.mark.slow
def test_added_weights_are_used_with_their_folder(world: Path, weights: Path) -> None:
    (world / "w").mkdir()
    file = weights / "tiny_vit.safetensors"
    told = invoke("weights", "add", file, "--arch", "test_vit", "--size", 32, "--weights", "w")
    assert told.exit_code == 0, told.output
    (words,) = offered(told.stdout)
    assert words[words.index("--weights") + 1] == "w"
    assert invoke(*words, "--dry-run").exit_code == 0
