"""Names and values that nothing has are refused with the nearest, wherever a person may write one."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_results import fill, grid
from typer.testing import CliRunner

from bench.cli.app import app

RUN = "run own -o dataset=digits"
# what is written -> what the message names
REFUSED = {
    "run qick": "'quick'",
    "run digits/pico/knn[kk=3]/quick/seed=0": "'k'",
    "run digits/pico/knn/quick[epoch=3]/seed=0": "'epochs'",
    "run digits/pico/knnn/quick/seed=0": "'knn'",
    "run digits/picoo/knn/quick/seed=0": "'pico'",
    "run digits[shot=3]/pico/knn/quick/seed=0": "'shots'",
    f"{RUN} -o learning_rate=0.1": "'lr'",
    f"{RUN} -o weight_decai=0.1": "'weight_decay'",
    f"{RUN} -o methods=[knnn]": "'knn'",
    f"{RUN} -o cladapter.kk=3": "'k'",
    f"{RUN} --executor inlin": "'inline'",
    f"{RUN} --metrics accuracyy --dry-run": "'accuracy'",
    "run own -o dataset=photos": "image_folder[path=photos]",
    "run own -o dataset=data/photos": 'image_folder[path="data/photos"]',
    "run quick -o augment=flipp": "augment",
    "table nothing": "Methods here: knn, lora",
    "table --metrics accuracyy": "'accuracy'",
    "table --format mdd": "'md'",
    "table --split tset": "test, val or external",
    "compare knn lora --metric accuracyy": "'accuracy'",
    "compare knn lora --split tset": "test, val or external",
    "errors lora --split tset": "test, val or external",
    "plot comparisn": "'comparison'",
    "plot pareto --x second": "'seconds'",
    "plot comparison --stage stage1": "'stages'",
    "errors nothing": "Methods here: knn, lora",
    "errors lora --format txt": "'text'",
    "verify cladaper": "'cladapter'",
    "verify --verdict reproducd": "'reproduced'",
    "list datset": "'datasets'",
    "show cladaptr": "'cladapter'",
    "data audit digts": "'digits'",
    "results spent quik": "quik",
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fill(tmp_path / "runs", grid(methods=["knn", "lora"], seeds=2))
    for folder in ("photos/a", "photos/b", "data/photos/a"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", REFUSED)
def test_it_is_refused_and_the_nearest_is_named(words: str, world: Path) -> None:
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code == 2, result.output
    assert REFUSED[words] in result.stderr


def test_a_field_that_several_methods_got_is_told(world: Path) -> None:
    asked = "run own -o dataset=digits -o backbone=pico -o methods=[knn,cladapter] -o k=[2,5] -o seeds=[0] --dry-run"
    told = CliRunner().invoke(app, asked.split())
    assert told.exit_code == 0, told.output
    assert "k is set for cladapter, knn" in told.stderr
    assert "-o cladapter.k=" in told.stderr
    alone = CliRunner().invoke(app, asked.replace("-o k=", "-o cladapter.k=").split())
    assert "is set for" not in alone.stderr
