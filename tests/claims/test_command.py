"""`bench verify` from outside, and what `bench run --claims` needs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from made_records import done
from typer.testing import CliRunner

from bench.api.run import suites_for
from bench.cli.app import app
from bench.core.errors import UsageError
from bench.records import Store

pytestmark = pytest.mark.slow

NAME = "pacs/vit_base_patch16_224.augreg_in21k/{method}/paper"


def bench(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["verify", *arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """CLAdapter as published (91.41), LoRA far below (88.53), DoRA with two seeds only."""
    for method, rights in (
        ("cladapter", (1872, 1869, 1875, 1871, 1873)),
        ("lora", (1600, 1603, 1598)),
        ("dora", (1811, 1810)),
    ):
        for seed, right in enumerate(rights):
            record, arrays = done(f"{NAME.format(method=method)}/seed={seed}", (right,), 2048, 7)
            Store(tmp_path / "runs").put(record, arrays)
    return tmp_path / "runs"


def test_verdicts_beside_arithmetic(runs: Path) -> None:
    rows = {
        row["id"]: row for row in json.loads(bench("cladapter:table3peft", "--results", str(runs), "--format", "json"))
    }
    short = {name.rpartition(":")[2]: row["verdict"] for name, row in rows.items()}
    assert short == {
        "vpt_adapter": "not run",
        "lora": "contradicted",
        "dora": "not run",
        "mora": "not run",
        "cladapter": "reproduced",
    }
    mora = rows["cladapter:table3peft:mora"]
    assert mora["arithmetic"].startswith("impossible as k/2048")
    assert rows["cladapter:table3peft:dora"]["reason"] == "2 of at least 3 seeds"
    assert rows["cladapter:table3peft:lora"]["ours"] == pytest.approx(sum((1600, 1603, 1598)) / 3 / 2048)


def test_verdicts_choose_what_is_shown(runs: Path) -> None:
    words = ("cladapter:table3peft", "--results", str(runs), "--format", "json")
    shown = json.loads(bench(*words, "--verdict", "contradicted", "--verdict", "reproduced"))
    assert [row["id"].rpartition(":")[2] for row in shown] == ["lora", "cladapter"]
    assert "Did you mean 'reproduced'" in bench(*words, "--verdict", "reproducd", code=2)


def test_only_strict_fails(runs: Path) -> None:
    assert "contradicted" in bench("cladapter:table3peft", "--results", str(runs))
    assert "contradicted" in bench("cladapter:table3peft", "--results", str(runs), "--strict", code=1)
    bench("cladapter:table3ft", "--results", str(runs), "--strict")


def test_formats_agree(runs: Path) -> None:
    place = ("cladapter:table3peft", "--results", str(runs), "--format")
    sheet = list(csv.DictReader(io.StringIO(bench(*place, "csv"))))
    rows = json.loads(bench(*place, "json"))
    assert [row["id"] for row in sheet] == [row["id"] for row in rows]
    assert [row["verdict"] for row in sheet] == [row["verdict"] for row in rows]
    assert [float(row["tolerance"]) for row in sheet] == [row["tolerance"] for row in rows]
    for text in (bench(*place, "md"), bench(*place, "table")):
        assert all(row["id"] in text for row in rows)
        assert "5 claims: 1 reproduced, 1 contradicted, 3 not run; arithmetic: 1 impossible as stated" in text
    assert "No format 'xml'" in bench(*place, "xml", code=2)


def test_one_claim_in_full(runs: Path) -> None:
    text = bench("cladapter:table3peft:cladapter", "--results", str(runs))
    assert "1872/2048" in text
    assert "Assumes one run on n = 2048" in text
    assert "verdict: reproduced" in text
    assert "tolerance not fixed beforehand" in text
    assert "bench run --claims cladapter:table3peft:cladapter" in text
    assert "near-black" in text


def test_a_plan_is_written_once_and_holds(runs: Path, tmp_path: Path) -> None:
    place = ("cladapter:table3peft", "--results", str(runs))
    said = bench(*place, "--plan")
    assert "2 tolerances fixed" in said
    assert "Left out, since they ran already" in said
    assert "cladapter:table3peft:lora" in said
    plan = json.loads((runs / "claims_plan.json").read_text())
    assert set(plan["claims"]) == {f"cladapter:table3peft:{name}" for name in ("vpt_adapter", "mora")}
    plan["claims"]["cladapter:table3peft:vpt_adapter"]["delta"] = 0.5
    (runs / "claims_plan.json").write_text(json.dumps(plan))
    assert "changed after it was written" in bench(*place, code=2)


def test_a_planned_verdict_says_nothing_of_its_tolerance(tmp_path: Path) -> None:
    place = ("cladapter:table3peft", "--results", str(tmp_path))
    bench(*place, "--plan")
    for seed in range(5):
        record, arrays = done(f"{NAME.format(method='lora')}/seed={seed}", (1813,), 2048, 7)
        Store(tmp_path).put(record, arrays)
    text = bench("cladapter:table3peft:lora", "--results", str(tmp_path))
    assert "verdict: reproduced" in text
    assert "not fixed beforehand" not in text
    assert "fixed beforehand" in text


def test_a_paper_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("id,metric,value,n_test\nmine:t:a,Accuracy,97.62,2048\n")
    assert "impossible as k/2048" in bench("mine", "--folder", str(tmp_path), "--results", str(tmp_path / "none"))
    assert "Did you mean" in bench("cladaptr", code=2)


def test_a_paper_of_ones_own_says_what_has_to_run(tmp_path: Path) -> None:
    cell = "digits/pico/knn/quick"
    (tmp_path / "mine.csv").write_text(
        f"id,metric,definition,value,n_test,cell\nmine:t:a,Accuracy,accuracy,90.0,1397,{cell}\n"
    )
    asked = ["run", "--claims", "mine", "-o", "seeds=[3]", "--dry-run", "--results", str(tmp_path / "runs")]
    refused = CliRunner().invoke(app, asked)
    assert (refused.exit_code, "No claim" in refused.output) == (2, True)
    found = CliRunner().invoke(app, [*asked, "--claims-folder", str(tmp_path)])
    assert (found.exit_code, f"{cell}/seed=3" in found.output) == (0, True), found.output


def test_claims_say_what_has_to_run() -> None:
    cells = [one.name for suite in suites_for(["cladapter:table4"], {}) for one in suite.cells]
    assert len(cells) == len(set(cells)) == 45
    base = "breakhis/vit_base_patch16_clip_224.laion2b"
    assert f"{base}/cladapter[k=300]/paper/seed=4" in cells
    assert f"{base}/cladapter/paper/seed=0" in cells  # k=20 is the default


def test_variables_are_replaced_as_in_suites() -> None:
    suites = suites_for(["cladapter:table3peft:lora"], {"epochs": 2, "seeds": [7], "backbone": "pico"})
    assert [one.name for suite in suites for one in suite.cells] == ["pacs/pico/lora/paper[epochs=2]/seed=7"]
    with pytest.raises(UsageError, match="No cell here produces"):
        suites_for(["insplad:properties:glass_insulator-fault_clf_train_normal"], {})
