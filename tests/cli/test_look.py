"""`bench list`, `bench show`, `bench doctor`: what they say, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from bench.backbones.local import local_weights, metadata
from bench.cli.app import app
from bench.plugins.recipe_files import recipe_file
from bench.plugins.registry import catalog


def bench(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_names_everything_with_a_line_each() -> None:
    listed = json.loads(bench("list", "--json"))
    same = ("datasets", "baselines", "suites", "tasks", "executors", "callbacks", "augmentations", "recipes")
    plugins = {**{kind: kind for kind in same}, "families": "backbones"}
    assert set(listed) == {*plugins, "backbones"}
    for section, kind in plugins.items():
        assert set(listed[section]) == set(catalog(kind))  # type: ignore[arg-type]
    assert listed["recipes"] == {name: recipe_file(name).about for name in catalog("recipes")}
    assert "pico" in listed["backbones"]
    assert all(line for lines in listed.values() for line in lines.values())
    text = bench("list")
    assert all(name in text for lines in listed.values() for name in lines)
    assert "Any timm image model" in text


def test_list_one_kind() -> None:
    assert "linear_probe" in bench("list", "baselines")
    assert "pacs" not in bench("list", "baselines")


def test_list_shows_a_weights_folder_and_own_plugins(tmp_path: Path, plugin_folder: Path) -> None:
    save_file({"x": np.zeros(1)}, tmp_path / "mine.safetensors", {"timm_arch": "resnet18", "input_size": "[3, 96, 96]"})
    (plugin_folder / "own.py").write_text(
        "from bench.methods import Method\n\n\nclass Own(Method):\n    '''My line.'''\n"
    )
    assert "resnet18, 96 px" in bench("list", "backbones", "--weights", str(tmp_path))
    assert "My line." in bench("list", "--plugins", str(plugin_folder))
    assert "My line." in bench("--plugins", str(plugin_folder), "show", "own")


def test_list_tells_of_an_unusable_file(plugin_folder: Path) -> None:
    (plugin_folder / "baselines").mkdir()
    (plugin_folder / "baselines" / "broken.py").write_text("def f(:\n")
    text = bench("list", "--plugins", str(plugin_folder))
    assert "broken" in text
    assert "broken.py:1: SyntaxError" in text


def test_show_gives_card_fields_and_protocols() -> None:
    shown = json.loads(bench("show", "pacs", "--json"))[0]
    assert shown["facts"]["licence"] == "research use"
    assert "leave_{domain}" in shown["facts"]["protocols"]
    assert {"protocol", "shots", "fraction"} <= {field["name"] for field in shown["fields"]}
    text = bench("show", "knn")
    assert "neighbours that vote" in text
    assert "= 5" in text


FAMILY = '''
from bench.backbones.family import BackboneFamily
from pydantic import Field


class Own(BackboneFamily):
    """Backbones of my own."""

    width: int = Field(4, description="channels")

    @classmethod
    def names(cls, folder):
        return {"narrow": "four channels", "wide": "many channels"}

    def find(self, name, folder):
        raise LookupError

    def load(self, name, info, pretrained=True):
        raise LookupError
'''


def test_a_family_of_ones_own_names_its_backbones(plugin_folder: Path) -> None:
    (plugin_folder / "own_family.py").write_text(FAMILY)
    listed = json.loads(bench("list", "--json", "--plugins", str(plugin_folder)))
    assert listed["families"]["own_family"] == "Backbones of my own."
    assert listed["backbones"]["wide"] == "many channels"
    assert "pico" in listed["backbones"]
    (shown,) = json.loads(bench("show", "wide", "--json", "--plugins", str(plugin_folder)))
    assert (shown["kind"], shown["text"], shown["facts"]) == ("backbones", "many channels", {"family": "own_family"})
    assert {"name": "width", "type": "int", "default": "4", "description": "channels"} in shown["fields"]


def test_a_family_that_cannot_be_imported_spoils_no_list(plugin_folder: Path) -> None:
    (plugin_folder / "own_family.py").write_text("import nowhere_to_be_found\n" + FAMILY)
    listed = json.loads(bench("list", "backbones", "--json", "--plugins", str(plugin_folder)))["backbones"]
    assert "nowhere_to_be_found" in listed["own_family"]
    assert "pico" in listed


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("classification", "tasks", "balanced_accuracy"),
        ("inline", "executors", "in this process"),
        ("randaugment", "augmentations", "Cubuk"),
        ("tensorboard", "callbacks", "event files"),
        ("timm2d", "families", "side of the input"),
        ("pico", "backbones", "convnext_atto"),
        ("digits", "datasets", "CC BY 4.0"),
        ("knn", "baselines", "neighbours"),
    ],
)
def test_every_kind_can_be_shown(name: str, kind: str, told: str) -> None:
    assert [shown["kind"] for shown in json.loads(bench("show", name, "--json"))] == [kind]
    assert told in bench("show", name)


def test_show_finds_every_kind_of_that_name() -> None:
    assert [shown["kind"] for shown in json.loads(bench("show", "quick", "--json"))] == ["suites", "recipes"]


def test_show_recipe_says_what_is_assumed() -> None:
    fields = {field["name"]: field for field in json.loads(bench("show", "paper", "--json"))[0]["fields"]}
    assert "assumed" in fields["schedule"]["description"]
    assert "assumed" not in fields["lr"]["description"]
    assert fields["lr"]["default"] == "0.0001"


def test_header_agrees_with_the_library() -> None:
    from safetensors import safe_open

    path = local_weights(None)["pico"]
    with safe_open(str(path), framework="numpy") as file:
        assert metadata(path) == file.metadata()


def test_doctor(tmp_path: Path) -> None:
    found = {line["what"]: line for line in json.loads(bench("doctor", "--json", "--results", str(tmp_path)))}
    assert found["torch"]["level"] == found["results folder"]["level"] == found["file locks"]["level"] == "ok"
    assert found["data set pacs"]["level"] in ("ok", "note")


def test_doctor_reports_a_problem(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = CliRunner().invoke(app, ["doctor", "--json", "--results", str(blocked)])
    assert result.exit_code == 1
    assert {"level": "problem", "what": "results folder"}.items() <= json.loads(result.stdout)[-1].items()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list", "dataset"], "'datasets'"),
        (["show", "digit"], "'digits'"),
        (["list", "--weights", "/nowhere"], "--weights"),
        (["list", "--plugins", "/nowhere"], "--plugins"),
    ],
)
def test_wrong_requests(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2
    assert not result.stdout


def test_a_file_that_is_no_safetensors(tmp_path: Path) -> None:
    """It is listed as what it is; the others are not affected."""
    for text in (b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0[]"):
        (tmp_path / "bad.safetensors").write_bytes(text)
        listed = json.loads(bench("list", "backbones", "--json", "--weights", str(tmp_path)))["backbones"]
        assert listed["bad"].startswith("unusable: ")
        assert "bad.safetensors is not a safetensors file" in listed["bad"]
        assert "pico" in listed
