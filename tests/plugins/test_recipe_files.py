"""Recipes are files in plug-in folders: found, shown, written, refused with their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cells.notation import Spec
from bench.cells.recipes import fingerprint
from bench.cli.app import app
from bench.core.errors import UsageError
from bench.engine.run import carry_out
from bench.engine.settings import Settings
from bench.plugins.folders import use_folders
from bench.plugins.recipe_files import preset, recipe_file, resolve
from bench.plugins.registry import catalog
from bench.records import Store

BRIEF = 'about = "Brief."\n\n[values]\nepochs = 1\nlr = 1e-3\n\n[assumed]\nlr = "not stated"\n'
# of the built-in recipes, as records of before this was a file hold them
FINGERPRINTS = {
    "few_shot": "e500f9c6c0512ec176381f02",
    "own": "09be14173403598b3c73355f",
    "paper": "e1b0bd006a66348d62605028",
    "quick": "dadf74f179c13a05a1917d28",
    "released": "e218260a4282b2f2cfb216cd",
    "tuned": "e537c13184cbc7e22c2a186f",
    "tuned_small": "0be49f66c0e2ff08eec5558f",
}


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_built_in_recipes_are_what_they_were(name: str) -> None:
    assert fingerprint(preset(name), "recipe") == FINGERPRINTS[name]


def test_every_built_in_recipe_is_known() -> None:
    assert set(catalog("recipes")) == set(FINGERPRINTS)
    assert all(recipe_file(name).about for name in FINGERPRINTS)


@pytest.mark.parametrize("place", ["brief.toml", "recipes/brief.toml"])
def test_ones_own_recipe_runs_and_is_shown(plugin_folder: Path, tmp_path: Path, place: str) -> None:
    file = plugin_folder / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(BRIEF)
    (plugin_folder / "pyproject.toml").write_text("[tool.ruff]\nline-length = 120\n")  # nobody's recipe
    use_folders([plugin_folder])
    assert resolve(Spec("brief", {"lr": 0.5})).lr == 0.5
    done = carry_out(["digits[shots=2]/pico[size=32]/linear_probe/brief/seed=0"], Settings(tmp_path / "r", quiet=True))
    assert not done.failed
    record = Store(tmp_path / "r").get(done.cells[0])
    assert record is not None
    assert record.stages[0].epochs == 1
    assert record.flags.assumed == ["lr"]
    (shown,) = json.loads(CliRunner().invoke(app, ["show", "brief", "--json", "--plugins", str(plugin_folder)]).stdout)
    assert (shown["kind"], shown["text"], shown["file"]) == ("recipes", "Brief.", str(file))
    fields = {field["name"]: field for field in shown["fields"]}
    assert fields["epochs"]["default"] == "1"
    assert "not stated" in fields["lr"]["description"]
    assert "pyproject" not in catalog("recipes")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BRIEF.replace("epochs", "epoch"), "no parameter 'epoch'"),
        (BRIEF.replace("1e-3", "-1"), "lr"),
        (BRIEF.replace("about", "abut"), "about"),
        (BRIEF.replace('lr = "not', 'rate = "not'), "rate"),
        (BRIEF.replace("epochs = 1", "epochs = "), "line 4"),
    ],
)
def test_a_wrong_file_is_named(plugin_folder: Path, text: str, said: str) -> None:
    (plugin_folder / "recipes").mkdir()
    file = plugin_folder / "recipes" / "brief.toml"
    file.write_text(text)
    use_folders([plugin_folder])
    with pytest.raises(UsageError, match=said) as error:
        preset("brief")
    assert str(file) in str(error.value)
    assert preset("quick").epochs == 3  # the others can be used


def test_unknown_and_doubled_names(plugin_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"No recipe 'qick'.*quick"):
        preset("qick")
    (plugin_folder / "quick.toml").write_text(BRIEF)
    use_folders([plugin_folder])
    with pytest.raises(UsageError, match="Two recipes are called 'quick'"):
        preset("quick")


def test_a_new_recipe_runs(plugin_folder: Path) -> None:
    written = CliRunner().invoke(app, ["new", "recipe", "my_recipe", "--folder", str(plugin_folder)])
    assert written.exit_code == 0, written.output
    use_folders([plugin_folder])
    assert preset("my_recipe").augment == "flip"
    assert "my_recipe" in catalog("recipes")["my_recipe"].doc
    again = CliRunner().invoke(app, ["new", "recipe", "my_recipe", "--folder", str(plugin_folder)])
    assert again.exit_code == 2
