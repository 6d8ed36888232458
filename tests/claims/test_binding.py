"""From records to verdicts: which runs stand for a claim, and what they measured."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import done

from bench.claims import Claim, chosen, load
from bench.claims.binding import Runs, jackknife, planned_cells_that_ran
from bench.claims.published import Paper
from bench.claims.tolerances import read, write
from bench.claims.verification import verify
from bench.core.errors import UsageError
from bench.records import Flags, Macs, Parameters, Store
from bench.records.evaluation_log import Evaluation

CELL = "pacs[protocol=paper]/vit_base_patch16_224.augreg_in21k/cladapter/paper"
NAME = "pacs/vit_base_patch16_224.augreg_in21k/cladapter/paper"
N = 2048


def put(folder: Path, name: str, seed: int, right: int | tuple[int, ...], n: int = N, **fields: Any) -> str:
    """Store a run; ``right`` are its correct test samples, for each stage if there are several."""
    stages = right if isinstance(right, tuple) else (right,)
    record, arrays = done(f"{name}/seed={seed}", stages, n, 7, **fields)
    Store(folder).put(record, arrays)
    return record.cell


def claim(value: str = "91.41", **fields: object) -> Claim:
    stated = {"id": "p:t:a", "paper": "p", "metric": "Accuracy", "definition": "accuracy", "n_test": N}
    return Claim.model_validate({**stated, "cell": CELL, "value": value, "split_identical": "true", **fields})


def verdict(folder: Path, one: Claim) -> tuple[str, str]:

    (row,) = verify({"p": Paper("p", (one,), ())}, [one], Runs(Store(folder)), {})
    return row.judgement.verdict, row.judgement.reason


def test_each_verdict_from_records(tmp_path: Path) -> None:
    for seed, right in enumerate((1872, 1869, 1875, 1871, 1873)):
        put(tmp_path, NAME, seed, right)
    assert verdict(tmp_path, claim("91.41"))[0] == "reproduced"
    assert verdict(tmp_path, claim("80.00"))[0] == "contradicted"
    assert verdict(tmp_path, claim("93.30"))[0] == "within noise"
    assert verdict(tmp_path, claim(n_test=1000)) == ("not comparable", "n_test: 2048 instead of 1000")
    assert verdict(tmp_path, claim(cell=CELL.replace("cladapter", "lora")))[0] == "not run"


def test_the_noisy_claim_is_within_noise(tmp_path: Path) -> None:
    for seed, right in enumerate((1700, 1900, 1990)):
        put(tmp_path, NAME, seed, right)
    assert verdict(tmp_path, claim("88.00"))[0] == "within noise"


@pytest.mark.parametrize(
    ("name", "fields", "named"),
    [
        (NAME.replace("/paper", "/quick"), {}, "recipe: quick instead of paper"),
        (NAME.replace("/paper", "/paper[epochs=5]"), {}, "recipe.epochs: 5 instead of the default"),
        (NAME.replace("in21k/", "in21k[size=112]/"), {}, "backbone.size: 112 instead of the default"),
        (NAME.replace("cladapter", "cladapter[k=5]"), {}, "method.k: 5 instead of the default"),
        (NAME.replace("pacs/", "pacs[protocol=leave_photo]/"), {}, "protocol: leave_photo instead of paper"),
        (NAME.replace("vit_base_patch16_224.augreg_in21k", "pico"), {}, "backbone: pico instead of vit_base"),
        (NAME, {"flags": Flags(partial=True)}, "data: partial instead of the default"),
        (NAME, {"flags": Flags(test_selected=True)}, "selection: test instead of the default"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, name: str, fields: dict[str, Any], named: str) -> None:
    for seed in range(3):
        put(tmp_path, name, seed, 1872, **fields)
    found, reason = verdict(tmp_path, claim())
    assert found == "not comparable"
    assert named in reason


def test_an_image_size_that_the_name_states_is_no_difference(tmp_path: Path) -> None:
    for seed in range(3):
        put(tmp_path, NAME.replace("in21k/", "in21k[size=224]/"), seed, 1872)
    assert verdict(tmp_path, claim())[0] == "reproduced"


def test_the_nearest_runs_stand_for_the_claim(tmp_path: Path) -> None:
    for seed in range(5):
        put(tmp_path, NAME.replace("/paper", "/quick"), seed, 1000)
    for seed in range(3):
        put(tmp_path, NAME, seed, 1872)
    ours = Runs(Store(tmp_path)).ours(claim())
    assert ours is not None
    assert ours.seeds == 3
    assert ours.mean == pytest.approx(1872 / N)


def test_a_field_of_the_claim_is_read_from_the_record(tmp_path: Path) -> None:
    for seed in range(3):
        put(tmp_path, NAME.replace("cladapter", "cladapter[k=10]"), seed, 1872)
    ten, twenty = (claim(cell=CELL.replace("cladapter", f"cladapter[k={k}]")) for k in (10, 20))
    assert verdict(tmp_path, ten)[0] == "reproduced"
    assert verdict(tmp_path, twenty)[0] == "not comparable"


def test_stages(tmp_path: Path) -> None:
    for seed in range(3):
        put(tmp_path, NAME, seed, (1000 + seed, 1872))
    runs = Runs(Store(tmp_path))
    first, last = runs.ours(claim(stage="stage1")), runs.ours(claim())
    assert first is not None
    assert last is not None
    assert (first.mean, last.mean) == (pytest.approx(1001 / N), pytest.approx(1872 / N))


def test_runs_that_share_a_data_seed_count_once(tmp_path: Path) -> None:
    for data_seed, right in ((0, 1800), (1, 1900)):
        for seed in (5, 6):
            record, arrays = done(f"{NAME}/seed={seed},data_seed={data_seed}", (right,), N, 7)
            Store(tmp_path).put(record, arrays)
    ours = Runs(Store(tmp_path)).ours(claim())
    assert ours is not None
    assert ours.values == pytest.approx((1800 / N, 1900 / N))
    assert len(ours.cells) == 4


def test_other_metrics_get_their_item_variance_from_predictions(tmp_path: Path) -> None:
    for seed in range(3):
        put(tmp_path, NAME, seed, 1872)
    runs = Runs(Store(tmp_path))
    f1 = runs.ours(claim(definition="paper_f1", split_identical="false"))
    recall = runs.ours(claim(definition="macro_recall", split_identical="false"))
    assert f1 is not None
    assert recall is not None
    binomial = 1872 / N * (1 - 1872 / N) / N
    assert recall.item_variance == pytest.approx(binomial, rel=0.6)
    assert f1.item_variance == pytest.approx(binomial, rel=0.6)
    identical = runs.ours(claim(definition="paper_f1"))
    assert identical is not None
    assert identical.item_variance is None


def test_jackknife_of_a_mean_is_its_variance() -> None:
    values = np.random.default_rng(0).normal(size=400)
    assert jackknife(lambda kept: float(values[kept].mean()), 400, 400) == pytest.approx(values.var(ddof=1) / 400)
    assert jackknife(lambda kept: float(values[kept].mean()), 400) == pytest.approx(values.var(ddof=1) / 400, rel=0.5)


def test_counts_come_from_the_record(tmp_path: Path) -> None:
    parameters, macs = Parameters(trainable=10, added=2, total=92_250_000), Macs(backbone=17_000_000_000, head=10**9)
    put(tmp_path, NAME, 0, 1872, parameters=parameters, macs=macs)
    counted = {"n_test": "", "unit": "M", "metric": "Params (M)", "definition": "total_parameters"}
    assert verdict(tmp_path, claim("92.22", **counted))[0] == "reproduced"
    assert verdict(tmp_path, claim("18.50", **{**counted, "unit": "G", "definition": "macs"}))[0] == "contradicted"


def test_what_ran_cannot_be_planned(tmp_path: Path) -> None:
    put(tmp_path, NAME, 0, 1872)
    other = claim(id="p:t:b", cell=CELL.replace("/paper", "/released"))
    assert planned_cells_that_ran([claim(), other], Runs(Store(tmp_path))) == {"p:t:a"}


def test_openings_before_the_plan_are_refused(tmp_path: Path) -> None:

    one = claim()
    write(tmp_path / "plan.json", [one], set())
    cells = [put(tmp_path, NAME, seed, 1872) for seed in range(3)]
    log = tmp_path / "test_evaluations.jsonl"
    looks = [Evaluation(cell, "stage1", {}, "paper", 1, "2020-01-01T00:00:00+00:00") for cell in cells]
    half = '{"cell": "half a li'  # whose writer was killed
    log.write_text("".join(json.dumps(asdict(look)) + "\n" for look in looks) + half)
    with pytest.raises(UsageError, match="opened before"):
        verify({"p": Paper("p", (one,), ())}, [one], Runs(Store(tmp_path)), read(tmp_path / "plan.json"))


def test_strict_counts_the_whole_paper_also_when_a_part_is_shown(tmp_path: Path) -> None:
    papers = load()
    for seed, right in enumerate((1872, 1869, 1875, 1871, 1873)):
        put(tmp_path, NAME, seed, right)
    chosen_claims = chosen(papers, "cladapter:table3peft")
    rows = verify(papers, chosen_claims, Runs(Store(tmp_path)), {}, correct=True)
    assert [row.claim.id for row in rows] == [c.id for c in chosen_claims]
    (own,) = (row for row in rows if row.claim.method == "CLAdapter")
    assert own.judgement.verdict == "reproduced"
