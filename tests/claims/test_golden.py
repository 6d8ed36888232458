"""What arithmetic finds in the published numbers by itself, against facts that were worked out independently."""

from __future__ import annotations

from functools import cache

import pytest

from bench.cells.cell import Cell
from bench.claims import Finding, examine, load
from bench.claims.identity import of_cell
from bench.grid.resolve import resolve
from bench.grid.suite import load_suite

PAPERS = load()
CLAIMS = {claim.id: claim for paper in PAPERS.values() for claim in paper.claims}


@cache
def examined() -> dict[str, list[Finding]]:
    """Findings by claim; seconds of exact arithmetic, so not when tests are collected."""
    return examine(CLAIMS.values())


def findings(rule: str, status: str, paper: str = "cladapter") -> dict[str, Finding]:
    return {
        name: finding
        for name, found in examined().items()
        for finding in found
        if name.startswith(f"{paper}:") and finding.rule == rule and finding.status == status
    }


def finding(name: str, rule: str) -> Finding:
    return next(found for found in examined()[name] if found.rule == rule)


def test_every_published_number_is_there() -> None:
    counts = {name: len(paper.claims) for name, paper in PAPERS.items()}
    assert sum(counts.values()) == 1331
    assert counts["cladapter"] == 282
    assert counts["tip_adapter"] == 176
    assert counts["apollo"] == 140
    assert {c.id for c in CLAIMS.values() if c.status == "not found"} == {
        "vfm_adapter:tables:vfm_adapter",
        "lathadapter:abstract:lathadapter",
    }


def test_of_the_papers_own_accuracies_these_three_are_no_k_of_n() -> None:
    own = {name: f for name, f in findings("k/n", "impossible").items() if not CLAIMS[name].cited_from}
    assert {(CLAIMS[name].dataset, CLAIMS[name].value) for name in own} == {
        ("PACS", "89.09"),
        ("PACS", "97.62"),
        ("Apple Foliar Disease", "98.36"),
    }
    by_value = {CLAIMS[name].value: f for name, f in own.items()}
    assert "(2 runs could)" in by_value["89.09"].short
    assert "(3 runs could)" in by_value["97.62"].short
    assert all("one run on n = " in f.assumption for f in own.values())


def test_kth_is_possible_only_as_a_mean_of_splits() -> None:
    kth = finding("cladapter:radar:kth_tips2_b-cladapter", "k/n")
    assert kth.status == "ok"
    assert kth.text.startswith("no k/1188 of one run")
    assert "4394/4752 of 4" in kth.text


def test_two_accuracies_are_truncated() -> None:
    truncated = {CLAIMS[n].value: f.text for n, f in findings("k/n", "ok").items() if "truncated:" in f.text}
    assert set(truncated) == {"88.91", "93.52"}
    assert truncated["88.91"].startswith("1821/2048")
    assert truncated["93.52"].startswith("260/278")


def test_the_radar_chart_pads_six() -> None:
    padded = [name for name, f in findings("k/n", "ok").items() if "padded" in f.text]
    assert len(padded) == 6
    assert all(name.startswith("cladapter:radar:") for name in padded)


def test_eight_cited_accuracies_are_no_k_of_n_and_say_that_n_may_be_another() -> None:
    cited = {name: f for name, f in findings("k/n", "impossible").items() if CLAIMS[name].cited_from}
    assert len(cited) == 8
    assert all("cited" in f.assumption for f in cited.values())


def test_accuracies_with_a_known_n() -> None:
    accuracies = [f for status in ("ok", "impossible", "untestable") for f in findings("k/n", status)]
    assert len(accuracies) == 84


def test_five_of_twelve_triples_are_not_2pr_over_p_plus_r() -> None:
    below = findings("P/R/F1", "note")
    assert len(below) == 5
    assert len(findings("P/R/F1", "ok")) == 7
    assert not findings("P/R/F1", "impossible")
    assert all(CLAIMS[name].cited_from and "below" in f.short for name, f in below.items())


def test_vit_b_has_exactly_one_error_vector() -> None:
    assert "(4, 8, 0, 1)" in finding("cladapter:table2d:vit_b-accuracy", "errors").text
    assert finding("cladapter:table2d:vit_b-recall", "errors").text.startswith("exactly one error vector")


def test_three_cited_models_have_none() -> None:
    without = {name.split(":")[2].split("-")[0] for name in findings("errors", "impossible")}
    assert without == {"botnet", "gashis", "lw_gashis"}


def test_no_pair_of_the_k_ablation_is_separable() -> None:
    pairs = findings("pairs", "note")
    assert {CLAIMS[name].table for name in pairs} == {"table4"}
    assert len(pairs) == 9
    text = pairs["cladapter:table4:k20-accuracy"].text
    assert "none of the 36 pairs" in text
    assert "0.00195" in text
    assert "0.00139" in text


def test_medmnist_accuracies_below_the_majority_class() -> None:
    below = {name: f.short for name, f in findings("trivial_baseline", "note", "medmnist_v2").items()}
    trivial_baselines = {"adrenalmnist3d": ("0.768", 229 / 298), "vesselmnist3d": ("0.887", 339 / 382)}
    for dataset, (printed, trivial_baseline) in trivial_baselines.items():
        named = {name for name in below if f":{dataset}-" in name}
        accuracies = [c for c in CLAIMS.values() if c.paper == "medmnist_v2" and c.dataset.lower() == dataset]
        expected = {c.id for c in accuracies if c.metric == "Accuracy" and float(c.value) + 0.001 < trivial_baseline}
        assert named == expected
        assert expected
        assert all(printed in below[name] for name in named)


def test_table_7_mixes_pretrainings() -> None:
    mixed = findings("pre-training", "note")
    assert {CLAIMS[name].table for name in mixed} == {"table7"}
    assert {name.split(":")[2] for name in mixed} == {
        "convnext_b_stage1-f1", "convnext_b_stage2-f1", "vit_b_stage1-f1", "vit_b_stage2-f1",
    }  # fmt: skip
    assert "(ImageNet-21K)" in mixed["cladapter:table7:vit_b_stage1-f1"].text
    assert "(LAION-2B)" in mixed["cladapter:table7:vit_b_stage2-f1"].text


def test_averages_and_harmonic_means_are_consistent() -> None:
    assert len(findings("parts", "ok")) == 9
    assert len(findings("parts", "ok", "maple")) == 7
    assert not findings("parts", "impossible") | findings("parts", "impossible", "maple")


def test_table_6_has_absolute_points() -> None:
    gains = findings("difference", "ok")
    assert len(gains) == 12
    assert gains["cladapter:table6:tiny_imagenet-vs_sota"].short == "ok as absolute points"
    assert gains["cladapter:table6:breakhis-vs_sota"].short == "ok as absolute points"


@pytest.mark.parametrize("paper", sorted(PAPERS))
def test_every_finding_states_its_assumption(paper: str) -> None:
    assert PAPERS[paper].issues
    for name, found in examined().items():
        if name.startswith(f"{paper}:"):
            assert all(f.assumption and f.text and f.short for f in found)


def test_issues_concern_some_claim() -> None:
    for paper in PAPERS.values():
        for issue in paper.issues:
            assert any(issue in paper.issues_of(claim) for claim in paper.claims), issue


def test_cells_are_those_that_the_suites_produce() -> None:
    overrides = {"backbone": ["vit_base_patch16_clip_224.laion2b"]}
    suites = ["pacs_table3", "breakhis_table9", "k_ablation", "parameters_table7"]
    suites += ["domains_table2", "domains_table2_video"]
    resolved = [c for name in suites for c in load_suite(name).cells] + load_suite("pacs_table3", overrides).cells
    cells = [one.cell for one in resolved]

    def identity(cell: Cell) -> frozenset[tuple[str, str]]:
        return frozenset(of_cell(cell).items())

    produced = {identity(cell) for cell in cells}
    # other papers' cells name features and recipes that no suite has, so that ours read "not comparable"
    wanted = {claim.cell for claim in PAPERS["cladapter"].claims if claim.cell}
    assert {identity(resolve(Cell.parse(f"{cell}/seed=0")).cell) for cell in wanted} <= produced
    assert len(wanted) == 46


def test_a_claim_that_cannot_be_tested_says_so() -> None:
    tiny = finding("cladapter:table3:cladapter", "k/n")
    assert tiny.status == "untestable"
