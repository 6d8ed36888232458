"""The suites of the paper's tables expand as published, run elsewhere by overrides, and count without training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.commands.run import run
from bench.conformance.tiny import tiny_backbone, tiny_weights
from bench.counting import count
from bench.errors import UsageError
from bench.methods.accounting import model_macs, size
from bench.methods.build import build_model
from bench.registry import load
from bench.settings import Settings
from bench.suite import Suite, load_suite, parse_override

PUBLISHED = ("pacs_table3", "breakhis_table9", "k_ablation", "augmentation_defect", "parameters_table7")


def methods(suite: Suite) -> list[str]:
    return list(dict.fromkeys(str(cell.method) for cell in suite.cells))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_suite_runs_small_and_elsewhere(name: str) -> None:
    texts = ["dataset=digits", "backbone=pico", "image_size=48", "epochs=2", "seeds=[3,4]"]
    suite = load_suite(name, dict(parse_override(text) for text in texts))
    for cell in suite.cells:
        assert (str(cell.dataset), str(cell.backbone)) == ("digits", "pico[size=48]")
        assert cell.recipe.params["epochs"] == 2
    assert {cell.seed for cell in suite.cells} == {3, 4}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_suite_says_what_to_compare_with(name: str) -> None:
    text = load_suite(name).doc
    assert "ublished" in text
    assert any(character.isdigit() for character in text)


def test_k_ablation_has_the_published_values_of_k_in_one_fused_group() -> None:
    suite = load_suite("k_ablation", {"tuning": "frozen"})
    ks = [cell.method.params.get("k", 20) for cell in suite.cells if cell.method.name == "cladapter"]
    assert ks == [5, 10, 15, 20, 25, 30, 100, 200, 300]
    tunings = {cell.method.params.get("tuning") for cell in suite.cells if cell.method.name == "cladapter"}
    assert tunings == {"frozen"}


def test_the_defect_is_part_of_the_cells_name() -> None:
    cells = [str(cell) for cell in load_suite("augmentation_defect").cells]
    assert sum("released[near_black=true]" in cell for cell in cells) == len(cells) / 2
    assert sum("/released/" in cell for cell in cells) == len(cells) / 2


def test_table_3_has_every_method_of_the_paper_but_mora() -> None:
    expected = {"linear_probe", "full_finetune", "staged_finetune", "l2_sp", "vpt", "lora", "dora", "cladapter"}
    assert expected <= set(methods(load_suite("pacs_table3")))


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
    real = build_model(tiny_backbone("vit"), load("baselines", plain)(**({"k": 3} if fields else {})), 10)
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
