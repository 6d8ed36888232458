"""A name that nothing has is refused with the nearest one, wherever a person may write it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from made_images import class_folders
from made_results import fill
from typer.testing import CliRunner

from bench.cells.notation import Spec
from bench.cli.app import app
from bench.core.errors import DataError
from bench.data.base import Dataset
from bench.grid.suite import load_suite, parse_override
from bench.plugins import registry

CELLS = [f"digits/pico/{method}/quick/seed={seed}" for method in ("knn", "lora", "cladapter") for seed in (0, 1)]


def refused(command: str) -> str:
    """What the command says when it refuses a name."""
    result = CliRunner().invoke(app, shlex.split(command))
    assert result.exit_code == 2, result.output
    assert result.output.startswith("bench: "), result.output
    return result.output


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    fill(folder, CELLS)
    return folder


@pytest.mark.parametrize(
    ("override", "near"),
    [
        ("methods=rige", "ridge"), ("methd=ridge", "method"), ("dataset=digts", "digits"), ("backbone=picoo", "pico"),
        ("recipe=quik", "quick"), ("protocol=limitd", "limited"), ("dataset=digits[protocl=x]", "protocol"),
        ("dataset=digits[protocol=limitd]", "limited"), ("backbone=pico[siz=64]", "size"), ("epohs=3", "epochs"),
        ("recipe=quick[epohs=3]", "epochs"), ("schedule=cosin", "cosine"), ("optimizer=adamm", "adamw"),
        ("select=balanced_acuracy", "balanced_accuracy"), ("precision=fp23", "fp32"), ("augment=flipp", "flip"),
        ("resize=sqash", "squash"), ("method=knn[kk=3]", "k"), ("knn.kk=3", "k"), ("kn.k=3", "knn"),
        ("image_sise=32", "image_size"), ("method=cladapter[tuning=frozn]", "frozen"),
        # words of other programs
        ("learning_rate=0.1", "lr"), ("recipe=quick[learning_rate=0.1]", "lr"), ("wd=0.1", "weight_decay"),
        ("num_epochs=3", "epochs"), ("model=pico", "backbone"), ("img_size=64", "image_size"), ("bs=8", "batch_size"),
    ],
)  # fmt: skip
def test_variables_of_a_suite(override: str, near: str) -> None:
    told = refused(f"run quick -o {shlex.quote(override)} --dry-run")
    assert f"{near!r}" in told or f"Known: {near}." in told


@pytest.mark.parametrize(
    ("command", "near"),
    [
        ("run qick", "quick"), ("run quick --metrics acuracy --dry-run", "accuracy"),
        ("run quick --executor slrm --dry-run", "slurm"), ("run quick --claims cladaptr", "cladapter"),
        ("data audit digts", "digits"), ("data path csv_imags", "csv_images"), ("list datset", "datasets"),
        ("show digts", "digits"), ("check rige", "ridge"), ("cache clear featurs", "featurs"),
        ("results cost quik", "quik"), ("run digits/pico/knn[kk=3]/quick/seed=0", "'k'"),
        ("run digits/pico/knn/quick[epoch=3]/seed=0", "'epochs'"), ("run digits/pico/knnn/quick/seed=0", "'knn'"),
        ("run digits/picoo/knn/quick/seed=0", "'pico'"), ("run digits[shot=3]/pico/knn/quick/seed=0", "'shots'"),
    ],
)  # fmt: skip
def test_names_in_other_commands(command: str, near: str) -> None:
    assert near in refused(command)


@pytest.mark.parametrize("command", ["table", "plot comparison", "errors", "predict {} x.png", "compare knn"])
@pytest.mark.parametrize(
    ("filter", "near"),
    [
        ("lroa", "'lora'"), ("method=lroa", "'lora'"), ("metod=lora", "'method'"), ("lora[rnk=4]", "'rank'"),
        ("lora[rank=3]", "rank=4"), ("dataset=digts", "'digits'"), ("protocol=limitd", "'limited'"),
        ("backbone=picoo", "'pico'"), ("digits/picoo", "'pico'"), ("seed=7", "0, 1"), ("status=dne", "'done'"),
        ("recipe=quik", "'quick'"),
    ],
)  # fmt: skip
def test_filters(command: str, filter: str, near: str, results: Path) -> None:
    quoted = shlex.quote(filter)
    whole = command.format(quoted) if "{}" in command else f"{command} {quoted}"
    assert near in refused(f"{whole} --results {results}")


@pytest.mark.parametrize(
    ("command", "near"),
    [
        ("table --metrics acuracy", "'accuracy'"), ("table --format mdd", "'md'"), ("table --split tst", "'test'"),
        ("compare knn lora --split tst", "'test'"), ("compare knn lora --metric acuracy", "'accuracy'"),
        ("errors knn --split tst", "'test'"), ("errors knn --format txt", "'text'"),
        ("errors knn --split external", "test"), ("plot confusion knn --split external", "test"),
        ("plot confusion knn --split tst", "'test'"), ("plot reliability knn --split tst", "'test'"),
        ("plot embedding knn --split tst", "'test'"), ("plot comparisn", "'comparison'"),
        ("plot pareto --x secnds", "'seconds'"), ("plot sweep --x rnk", "'rank'"),
        ("plot comparison --format pngg", "'png'"), ("plot comparison --x k", "stages"),
        ("plot routing cladapter --stage stge1", "stage"), ("plot sweep --paper cladaptr", "'cladapter'"),
        ("verify --verdict reproducd", "'reproduced'"), ("verify cladaptr", "'cladapter'"),
    ],
)  # fmt: skip
def test_options_of_what_reads_results(command: str, near: str, results: Path) -> None:
    assert near in refused(f"{command} --results {results}")


@pytest.mark.parametrize("backbone", ["my_resnet18", "my_vit_small_patch16_224"])
def test_weights_of_ones_own_are_not_led_to_others(backbone: str, tmp_path: Path) -> None:
    told = refused(f"run quick -o backbone={backbone} --dry-run --weights {tmp_path}")
    assert -1 < told.index("--weights") < told.index("timm's hub") < told.index("'" + backbone.removeprefix("my_"))


@pytest.mark.parametrize("option", ["dataset=steel", "dataset=data/steel", "dataset={}/steel", 'dataset="steel"'])
def test_a_folder_of_ones_own_in_a_data_sets_place(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is answered runs as pasted: the data set then finds the folder."""
    for place in ("steel", "data/steel"):
        class_folders(tmp_path / place, classes=2, each=10)
    monkeypatch.chdir(tmp_path)
    told = refused(f"run quick -o {shlex.quote(option.format(tmp_path))} --dry-run")
    offered = shlex.split(told[told.index("-o ") :].partition(". With")[0])
    (cell, *_) = load_suite("quick", dict([parse_override(offered[1]), ("seeds", 0)])).cells
    assert len(cell.dataset.samples(tmp_path / "elsewhere")) == 20


@pytest.mark.parametrize("command", ["run steel", "data audit steel", "data audit ./steel", "run ./steel"])
def test_a_folder_of_ones_own_in_another_place(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class_folders(tmp_path / "steel", classes=2, each=10)
    monkeypatch.chdir(tmp_path)
    assert "image_folder[path=" in refused(command)


def test_a_list_of_ones_own_in_a_data_sets_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "csv_images[path=" in refused("run quick -o dataset=images.csv --dry-run")


@pytest.mark.parametrize(
    ("dataset", "fields", "told"),
    [
        ("image_folder", {"accept_leaks": ["duplicat"]}, "'duplicate'"),
        ("csv_images", {"accept_leaks": ["grup"]}, "'group'"),
        ("nifti_folder", {"accept_leaks": ["patent"]}, "'patient'"),
        ("image_folder", {"test_domain": "night"}, "protocol=leave_domain_out"),
        ("csv_images", {"test_domain": "night", "protocol": "grouped"}, "protocol=leave_domain_out"),
    ],
)
def test_fields_that_would_do_nothing(dataset: str, fields: dict[str, object], told: str) -> None:
    values = {"path": "x", **fields}
    assert told in refused(f"data path {shlex.quote(str(Spec(dataset, values)))}")


@pytest.mark.parametrize("name", ["csv_images", "nifti_folder"])
def test_every_column_that_a_list_is_read_by_is_looked_for(name: str, tmp_path: Path) -> None:
    lines = "\n".join(f"{number}.png,{number % 2}" for number in range(20))
    (tmp_path / "list.csv").write_text(f"path,label\n{lines}\n")
    cls: type[Dataset] = registry.load("datasets", name)
    columns = [field for field in cls.model_fields if field.endswith("_column")]
    assert len(columns) > 4
    for field in columns:
        with pytest.raises(DataError, match=rf"no column 'lable'.*'label'.*{field}="):
            cls.build(name, {"path": "list.csv", field: "lable"}).samples(tmp_path)


def test_a_field_that_several_methods_have_is_told() -> None:
    chosen = {"methods": ["knn", "cladapter", "ridge"], "seeds": 0}
    (note,) = load_suite("quick", {**chosen, "k": [2, 10]}).notes
    assert note.startswith("k is set for cladapter, knn,")
    assert not load_suite("quick", {**chosen, "cladapter.k": [2, 10]}).notes
    assert not load_suite("quick", {**chosen, "methods": ["cladapter", "ridge"], "k": [2, 10]}).notes


def test_a_run_says_which_methods_took_a_field() -> None:
    result = CliRunner().invoke(app, shlex.split("run quick -o methods=[knn,cladapter] -o 'k=[2,10]' --dry-run"))
    assert "k is set for cladapter, knn" in result.stderr
    assert "cladapter.k=[2,10]" in result.stderr
