"""The suites of the paper's tables expand as published, run elsewhere by overrides, and count without training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sparing import slow_but

from bench.cli.commands.run import run
from bench.conformance.tiny import tiny_backbone, tiny_weights
from bench.core.errors import MissingData, UsageError
from bench.datasets.medmnist import SETS_3D
from bench.engine.cost import model_macs, size
from bench.engine.counting import count
from bench.engine.groups import group_cells
from bench.engine.plan import Planner
from bench.engine.run import preflight
from bench.engine.settings import Settings
from bench.grid.suite import Suite, load_suite, parse_override
from bench.methods import HeadSpec
from bench.methods.build import build_model
from bench.plugins.registry import load
from bench.records import Store

PUBLISHED = (
    "domains_table2", "data_table5", "pacs_table3", "pacs_table8", "breakhis_table9", "k_ablation",
    "augmentation_defect", "parameters_table7",
)  # fmt: skip


def methods(suite: Suite) -> list[str]:
    return list(dict.fromkeys(str(one.cell.method) for one in suite.cells))


SMALL = ["dataset=digits", "image_size=64", "epochs=2", "seeds=[3,4]"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_suite_can_be_asked_to_run_small_and_elsewhere(name: str) -> None:
    suite = load_suite(name, dict(parse_override(text) for text in [*SMALL, "backbone=pico"]))
    for cell in suite.cells:
        assert (str(cell.cell.dataset), str(cell.cell.backbone)) == ("digits", "pico")  # 64 px are its own
        assert cell.recipe.epochs == 2
    assert {cell.cell.seed for cell in suite.cells} == {3, 4}


@pytest.mark.parametrize("name", slow_but((name for name in PUBLISHED if name != "parameters_table7"), "pacs_table3"))
@pytest.mark.parametrize("kind", ["vit", "cnn"])
def test_a_suite_passes_what_is_checked_before_training(name: str, kind: str, tmp_path: Path) -> None:
    """Every method applies to a ViT; on a CNN the one that does not is named before anything is written."""
    backbone = tiny_weights(tmp_path, kind)
    texts = ["dataset=digits[shots=5]", f"backbone={backbone}", "epochs=2"]
    settings = Settings(results=tmp_path / "runs", weights=tmp_path, quiet=True)
    planner = Planner(settings)
    cells = load_suite(name, dict(parse_override(text) for text in texts)).cells
    tasks = planner.plan(cells, Store(settings.results))
    if kind == "cnn" and name in ("pacs_table3", "pacs_table8"):
        with pytest.raises(UsageError, match="vpt works on vit backbones"):
            preflight(tasks, settings)
        tasks = [task for task in tasks if task.cell.method.name != "vpt"]
    assert preflight(tasks, settings) == []


NUMBERS = {
    "domains_table2": (
        "94.21",
        "91.41",
        "98.36",
        "99.80",
        "92.47",
        "95.32",
        "93.53",
        "93.71",
        "91.66",
        "95.0",
        "98.57",
        "98.59",
        "97.8",
        "98.29",
        "94.64",
        "96.43",
        "99.87",
        "99.94",
        "98.44",
        "98.63",
        "96.07",
    ),
    "data_table5": (
        "100,000",
        "1,588",
        "6,355",
        "2,048",
        "834",
        "278",
        "1,366",
        "455",
        "402",
        "503",
        "3,564",
        "5,108",
        "6,417",
        "5,762",
        "9,537",
        "3,783",
        "3,570",
        "1,530",
    ),
    "pacs_table3": ("71.88", "87.79", "88.91", "87.74", "76.76", "88.53", "88.43", "89.09", "91.41"),
    "pacs_table8": ("95.61", "47.17", "45.56", "97.46", "97.62"),
    "breakhis_table9": ("84.34", "90.19", "80.89", "88.60", "80.63", "91.35", "71.72", "90.55", "93.71", "91.66"),
    "k_ablation": ("92.81", "92.45", "95.32", "94.24", "93.88", "93.52", "91.73", "90.42"),
    "augmentation_defect": ("49.75", "95.32", "93.71"),
    "parameters_table7": ("6,448,896", "10,258,688", "92.22", "99.11", "7.0 %", "10.4 %"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_suite_says_what_to_compare_with(name: str) -> None:
    text = load_suite(name).doc
    assert "ublished" in text
    assert [number for number in NUMBERS[name] if number not in text] == []


TABLE_5 = {
    "tiny_imagenet", "pacs", "breakhis", "hcrf", "plant_pathology_2020", "whu_rs19", "kth_tips2b", "insplad_fault",
    "ucf101", "hmdb51",
}  # fmt: skip


@pytest.mark.parametrize("name", ["domains_table2", "data_table5"])
def test_tables_2_and_5_name_every_data_set_of_the_paper(name: str) -> None:
    cells = [one.cell for suite in (name, f"{name}_video") for one in load_suite(suite).cells]
    assert {cell.dataset.name for cell in cells} == TABLE_5
    problems = {str(cell.dataset) for cell in cells if cell.dataset.name in ("insplad_fault", "kth_tips2b")}
    assert len(problems) == 5 + 4
    assert all(f"{published} " in load_suite(f"{name}_video").doc for published in ("ucf101", "hmdb51"))


def test_k_ablation_has_the_published_values_of_k_in_one_fused_group(tmp_path: Path) -> None:
    overrides = {"tuning": "frozen", "dataset": "digits[shots=5]", "backbone": tiny_weights(tmp_path, "vit")}
    suite = load_suite("k_ablation", overrides)
    adapters = [one.cell.method.params for one in suite.cells if one.cell.method.name == "cladapter"]
    assert [params.get("k", 20) for params in adapters] == [5, 10, 15, 20, 25, 30, 100, 200, 300]
    assert {params.get("tuning") for params in adapters} == {"frozen"}
    tasks = Planner(Settings(weights=tmp_path)).plan(suite.cells, Store(tmp_path / "runs"))
    [group] = group_cells(tasks, fuse=True)
    assert group.backbone_epochs_spared == 9 * 100  # ten heads, one pass an epoch


def test_the_defect_is_part_of_the_cells_name() -> None:
    cells = [cell.name for cell in load_suite("augmentation_defect").cells]
    assert sum("released[near_black=true]" in cell for cell in cells) == len(cells) / 2
    assert sum("/released/" in cell for cell in cells) == len(cells) / 2


def test_tables_3_and_8_have_every_method_of_the_paper() -> None:
    both = {"linear_probe", "full_finetune", "l2_sp", "vpt", "cladapter"}
    assert both | {"staged_finetune", "lora", "dora", "mora"} <= set(methods(load_suite("pacs_table3")))
    assert set(methods(load_suite("pacs_table8"))) == both | {"majority", "knn"}


def test_table_7_as_published() -> None:
    suite = load_suite("parameters_table7", {"method": ["cladapter[tuning=frozen]", "vpt"]})
    vit, prompts, convnext, refused = count(suite.cells, None, None)
    assert (vit.beyond_probe, convnext.beyond_probe) == (6_448_896, 10_258_688)
    assert vit.trainable == {"stage1": vit.added}
    assert vit.beyond_probe / (vit.total - vit.classes * 769) == pytest.approx(0.070, abs=5e-4)
    assert vit.macs_added / 1e9 == pytest.approx(1.016, abs=1e-3)
    assert convnext.macs_added / 1e9 == pytest.approx(0.44, abs=5e-3)
    assert prompts.beyond_probe == 12 * 10 * 768
    assert "vit backbones" in refused.problem


@pytest.mark.parametrize("method", ["linear_probe", "cladapter[k=3]", "lora", "ssf"])
def test_counts_without_weights_equal_the_real_model(tmp_path: Path, method: str) -> None:
    name = tiny_weights(tmp_path, "vit")
    overrides = {"dataset": "digits", "backbone": name, "method": method}
    [found] = count(load_suite("parameters_table7", overrides).cells, tmp_path, None)
    plain, _, fields = method.partition("[")
    real = build_model(
        tiny_backbone("vit"),
        load("baselines", plain)(**({"k": 3} if fields else {})),
        HeadSpec(tiny_backbone("vit").spec, 10),
    )
    assert (found.total, found.macs + found.macs_added) == (size(real), sum(model_macs(real)))
    assert found.added == size(real) - size(tiny_backbone("vit"))


def test_bench_run_prints_counts_and_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(results=tmp_path / "runs", weights=tmp_path)
    overrides = ["dataset=digits", f"backbone={tiny_weights(tmp_path, 'cnn')}", "methods=[linear_probe,adaptformer]"]
    assert run(["parameters_table7"], overrides, settings, dry_run=False, json=True) == 0
    probe, refused = json.loads(capsys.readouterr().out)
    assert probe["trainable"] == {"stage1": 10 * 65}
    assert refused["problem"]
    assert run(["parameters_table7"], overrides, settings, dry_run=False, json=False) == 0
    assert "beyond a probe" in capsys.readouterr().out
    assert not settings.results.exists()


def test_closed_form_methods_are_not_counted() -> None:
    with pytest.raises(UsageError, match="ridge has no parameters before it is fitted"):
        count(load_suite("parameters_table7", {"method": "ridge"}).cells, None, None)


def test_own_runs_on_the_embedded_backbones_and_says_where_to_put_the_images() -> None:
    suite = load_suite("own")
    assert {str(one.cell.backbone) for one in suite.cells} == {"lite0[size=112]", "deit_tiny[size=112]"}
    assert {"majority", "knn", "ridge", "logistic", "linear_probe", "lora", "full_finetune"} <= set(methods(suite))
    with pytest.raises(MissingData, match="say where your data lie"):
        Planner(Settings()).planned(suite.cells[0])


@pytest.mark.parametrize("name", ["quick3d", "medmnist3d"])
def test_suites_of_volumes_have_floors_trained_methods_and_both_ways_of_lifting(name: str) -> None:
    suite = load_suite(name)
    assert {"majority", "knn", "geometry", "ridge", "linear_probe", "full_finetune"} <= set(methods(suite))
    assert {one.cell.backbone.params["lift"] for one in suite.cells} == {"slices", "inflate"}
    adapters = [one.cell.method.params for one in suite.cells if one.cell.method.name == "cladapter"]
    assert {params.get("tuning", "staged") for params in adapters} == {"frozen", "staged"}


def test_quick3d_needs_neither_data_nor_weights(tmp_path: Path) -> None:
    cells = load_suite("quick3d").cells
    planned = Planner(Settings(data=tmp_path)).planned(cells[0])
    assert planned.prepared.counts["test"] == 382
    assert planned.weights.file is not None


def test_medmnist3d_has_all_sets_and_sweeps_k() -> None:
    cells = [one.cell for one in load_suite("medmnist3d").cells]
    assert {cell.dataset.params["subset"] for cell in cells} == set(SETS_3D)
    assert {cell.method.params.get("k", 20) for cell in cells if cell.method.name == "cladapter"} == {5, 10, 20, 50}
    assert {cell.seed for cell in cells} == {0, 1, 2}
