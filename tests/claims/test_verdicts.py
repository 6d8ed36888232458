"""Planted claims get the verdict they deserve."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from bench.claims import Claim, Ours, judge, strict
from bench.claims.verdicts import Judgement, chance, planning_mde

SAME = {"dataset": "pacs", "backbone": "vit", "method": "cladapter", "recipe": "paper", "metric": "accuracy"}
VALUES = (0.900, 0.910, 0.905, 0.895, 0.902)


def claim(value: str = "90.24", name: str = "a", **fields: object) -> Claim:
    stated = {"id": f"p:t:{name}", "paper": "p", "metric": "Accuracy", "definition": "accuracy", "n_test": 2048}
    cell = "pacs/vit/cladapter/paper"
    return Claim.model_validate({**stated, "cell": cell, "value": value, **fields})


def ours(*values: float, **fields: object) -> Ours:
    return Ours(values or VALUES, 2048, SAME, identical_split=True, **fields)  # type: ignore[arg-type]


def test_reproduced() -> None:
    assert judge(claim(), SAME, ours()).verdict == "reproduced"


def test_reproduced_is_two_one_sided_tests() -> None:
    """The same decision as statsmodels' TOST on the mean of our seeds, over a range of published values."""
    decided = set()
    for hundredths in range(8700, 9400, 7):
        text = f"{hundredths / 100:.2f}"
        published, delta = hundredths / 10_000, 0.02
        p, *_ = DescrStatsW(list(VALUES)).ttost_mean(published - delta, published + delta)
        verdict = judge(claim(text), SAME, ours(), delta).verdict
        assert (verdict == "reproduced") == (p <= 0.05)
        decided.add(verdict)
    assert decided == {"reproduced", "within noise", "contradicted"}


def test_contradicted_is_outside_a_prediction_interval() -> None:
    mean = 0.9024
    sd = math.sqrt(sum((v - mean) ** 2 for v in VALUES) / 4)
    half = stats.t.ppf(0.975, 4) * sd * math.sqrt(1 + 1 / 5)
    far = judge(claim(f"{100 * (mean - half) - 0.02:.2f}"), SAME, ours(), delta=1e-6)
    near = judge(claim(f"{100 * (mean - half) + 0.02:.2f}"), SAME, ours(), delta=1e-6)
    assert (far.verdict, near.verdict) == ("contradicted", "within noise")
    assert far.width == pytest.approx(half + 0.00005)
    assert far.p is not None
    assert far.p < 0.05


def test_beyond_chance_but_within_the_tolerance_is_not_contradicted() -> None:
    steady = ours(0.9, 0.9, 0.9001)
    assert judge(claim("91.00"), SAME, steady, delta=0.02).verdict == "reproduced"
    assert judge(claim("91.00"), SAME, steady, delta=0.001).verdict == "contradicted"


def test_other_test_samples_widen_what_chance_explains() -> None:
    same, other = ours(), replace(ours(), identical_split=False)
    widths = [judge(claim(), SAME, one).width for one in (same, other)]
    assert widths[0] is not None
    assert widths[1] is not None
    items = 2 * 0.9024 * (1 - 0.9024) / 2048
    seeds = ours().variance * 1.2
    freedom = (items + seeds) ** 2 / (seeds**2 / 4)
    assert widths[1] == pytest.approx(stats.t.ppf(0.975, freedom) * math.sqrt(items + seeds) + 0.00005)
    assert widths[1] > widths[0]


def test_within_noise_says_how_many_seeds_decide() -> None:
    found = judge(claim("89.90"), SAME, ours(0.90, 0.92, 0.88), delta=0.012)
    assert found.verdict == "within noise"
    needed = found.seeds_needed
    assert needed is not None
    spread = ours(0.90, 0.92, 0.88).variance
    for seeds, decided in ((needed - 1, False), (needed, True)):
        upper = stats.t.ppf(0.95, seeds - 1) * math.sqrt(spread / seeds)
        assert bool(0.001 + upper <= 0.012) is decided


def test_within_noise_for_ever() -> None:
    """Beyond the tolerance, but one further run could always be there: no number of seeds decides."""
    found = judge(claim("87.50"), SAME, ours(0.90, 0.92, 0.88), delta=0.02)
    assert (found.verdict, found.seeds_needed) == ("within noise", None)
    assert "no number of seeds" in found.reason


def test_not_comparable_names_what_differs() -> None:
    other = Ours(VALUES, 2048, {**SAME, "recipe": "quick", "backbone.size": "112"})
    found = judge(claim(), SAME, other)
    assert found.verdict == "not comparable"
    assert found.reason == "recipe: quick instead of paper; backbone.size: 112 instead of the default"


def test_not_run() -> None:
    assert judge(claim(), SAME, None).verdict == "not run"
    two = judge(claim(), SAME, ours(0.9, 0.91))
    assert (two.verdict, two.reason) == ("not run", "2 of at least 3 seeds")
    assert judge(claim(cell=""), {}, None).reason == "nothing here produces it"


def test_a_text_is_no_number_to_compare() -> None:
    found = judge(claim("not found", status="not found"), SAME, ours())
    assert found.verdict == "not comparable"


def test_no_tolerance_no_verdict() -> None:
    assert judge(claim(n_test=""), SAME, ours()).reason.startswith("no tolerance")
    assert judge(claim(n_test="", delta="2.0"), SAME, ours()).verdict == "reproduced"


def test_counts_have_no_noise() -> None:
    def parameters(value: str, ours: float) -> str:
        stated = claim(value, metric="Params (M)", definition="total_parameters", unit="M", n_test="")
        return judge(stated, SAME, Ours((ours,), None, SAME, deterministic=True)).verdict

    assert parameters("92.22", 92.25e6) == "reproduced"
    assert parameters("88.85", 87.57e6) == "contradicted"


def test_planning_floor() -> None:
    assert planning_mde(claim(n_test=278)) == pytest.approx(0.053, abs=0.0005)
    assert planning_mde(claim(n_test=2048)) == pytest.approx(0.020, abs=0.0005)
    assert planning_mde(claim(delta="1.5")) == pytest.approx(0.015)


def test_strict_corrects_for_many_claims() -> None:
    claims = [claim(name=f"c{i}") for i in range(20)]
    judgements = {c.id: Judgement("within noise", "", 5, p=0.5) for c in claims}
    judgements["p:t:c0"] = Judgement("contradicted", "", 5, p=0.01)
    judgements["p:t:c1"] = Judgement("contradicted", "", 5, p=0.0001)
    corrected = strict(claims, judgements)
    assert corrected["p:t:c0"].verdict == "within noise"
    assert corrected["p:t:c1"].verdict == "contradicted"
    assert corrected["p:t:c1"].p == pytest.approx(0.002)
    other = claim(name="z").model_copy(update={"id": "q:t:z", "paper": "q"})
    alone = strict([other], {"q:t:z": judgements["p:t:c0"]})
    assert alone["q:t:z"].verdict == "contradicted"


def test_chance_without_spread_is_that_of_the_items() -> None:
    assert chance(0.0, 0.0004, 5) == pytest.approx(1.959964 * 0.02)
    assert chance(0.0, 0.0, 5) == 0


def test_fewer_seeds_than_planned_are_told() -> None:
    assert "(3 of 5 planned seeds)" in judge(claim(), SAME, ours(0.90, 0.905, 0.902)).reason
