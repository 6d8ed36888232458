"""Groups made of what looks alike: the list that the audit writes, and splits drawn from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_labels import listed_digits
from photographs import photographs
from PIL import Image
from typer.testing import CliRunner

from bench.cells.notation import Spec
from bench.cli.app import app
from bench.data.audit.checks import audit
from bench.data.audit.groups import groups_of
from bench.data.prepare import prepare
from bench.plugins import registry


def invoked(*arguments: Any, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def again(told: str) -> Spec:
    """The data set of the command that the audit offers."""
    return Spec.parse(told.split("bench data audit ")[1].split(" --data")[0].strip().strip("'"))


@pytest.fixture
def places(root: Path) -> Path:
    """Fifty photographs in class folders; one of every five again, smaller, so that most such pairs cross splits."""
    photographs(root / "places", 10, 0)
    for file in sorted((root / "places").rglob("*.jpg"))[::5]:
        with Image.open(file) as image:
            image.resize((image.width * 3 // 4, image.height * 3 // 4)).save(file.with_name(f"again_{file.name}"))
    return root


def test_splits_from_the_written_groups_share_nothing_that_looks_alike(places: Path) -> None:
    file = places / "lists" / "groups.csv"
    told = invoked("data", "audit", "image_folder[path=places]", "--data", places, "--groups", file)
    assert int(told.stdout.split("leaks: none by identity; ")[1].split(" pair")[0]) > 0
    spec = again(told.stderr)
    dataset = registry.load("datasets", spec.name).build(spec.name, spec.params)
    prepared = prepare(dataset, places, 0)
    assert len(prepared.table) == 60
    assert prepared.table["group"].nunique() < 60
    assert prepared.table.groupby("group")["split"].nunique().max() == 1
    shown = invoked("data", "audit", spec, "--data", places).stdout
    assert "leaks: none by identity; 0 pairs look alike across splits" in shown
    assert prepared.class_names == ("flower", "pagoda", "sky", "trees", "water")


def test_given_groups_and_equal_pixels_are_joined_with_look_alikes() -> None:
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"id": list("abcdef"), "group": ["p", "p", "q", "r", "s", "t"]})
    report = {"near_duplicates": [{"samples": ["b", "c"]}], "duplicates": [{"samples": ["d", "e"]}]}
    assert groups_of(table, report) == ["a", "a", "a", "d", "d", "f"]
    assert groups_of(table.drop(columns="group"), report) == ["a", "b", "b", "d", "d", "f"]


@pytest.mark.parametrize(
    "name",
    [
        'csv_images[path="own/list.csv",task=multilabel,label_columns=[round,even]]',
        'csv_images[path="own/list.csv",task=regression,label_column=value]',
    ],
)
def test_lists_keep_what_is_learned(root: Path, name: str) -> None:
    listed_digits(root / "own")
    told = invoked("data", "audit", name, "--data", root, "--groups", root / "groups.csv")
    one, other = (Spec.parse(name), again(told.stderr))
    tables = [registry.load("datasets", s.name).build(s.name, s.params).samples(root) for s in (one, other)]
    for column in {"labels", "value"} & set(tables[0]):
        assert tables[0][column].tolist() == tables[1][column].tolist()


def test_samples_that_are_no_files_have_no_list(root: Path) -> None:
    refused = invoked("data", "audit", "digits", "--data", root, "--groups", root / "groups.csv", code=2)
    assert "no files of their own" in refused.output
    assert not (root / "groups.csv").exists()


def test_boxes_take_the_list_as_their_groups(root: Path) -> None:
    for n in range(12):
        photographs(root / "made" / str(n), 1, n, in_classes=False)
    (root / "own").mkdir()
    text = "<annotation><object><name>a</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    for n, file in enumerate(sorted((root / "made").rglob("*.jpg"))[:12]):
        file.rename(root / "own" / f"{n}.jpg")
        (root / "own" / f"{n}.xml").write_text(f"{text}</object></annotation>")
    told = invoked("data", "audit", "box_folder[path=own]", "--data", root, "--groups", root / "groups.csv")
    spec = again(told.stderr)
    assert spec.name == "box_folder"
    dataset = registry.load("datasets", spec.name).build(spec.name, spec.params)
    report = audit(dataset, root)
    assert report["protocols"]["grouped"]["leaks"] == {}
    assert sum(report["groups"].values()) == 12
