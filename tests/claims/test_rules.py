"""The rules of arithmetic on numbers whose answer is known."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from bench.claims import Claim, examine
from bench.claims.confusions import error_vectors, f1_finding, fitting_vectors
from bench.claims.derived import difference_finding, mean_finding, relative_gain
from bench.claims.families import separation
from bench.claims.findings import summary
from bench.claims.k_of_n import counts, is_testable, runs_needed
from bench.claims.reported_value import Printed


def printed(text: str) -> Printed:
    number = Printed.read(text)
    assert number is not None
    return number


def claim(name: str = "a", **fields: object) -> Claim:
    values = {"id": f"p:t:{name}", "paper": "p", "metric": "Accuracy", "value": "90.00", "definition": "accuracy"}
    return Claim.model_validate({**values, **fields})


@given(k=st.integers(0, 300), n=st.integers(1, 300), decimals=st.integers(0, 3))
def test_what_was_counted_is_never_impossible(k: int, n: int, decimals: int) -> None:
    k = min(k, n)
    share = Fraction(100 * k, n)
    cut = int(share * 10**decimals) / 10**decimals
    for text, reading in ((f"{float(share):.{decimals}f}", "rounded"), (f"{cut:.{decimals}f}", "truncated")):
        assert any(c.hits == k for c in counts(printed(text), n, 1, 100) if c.reading == reading)


@given(n=st.integers(1, 400), hundredths=st.integers(0, 10_000))
def test_counts_are_exactly_those_a_search_over_all_k_finds(n: int, hundredths: int) -> None:
    number = printed(f"{hundredths // 100}.{hundredths % 100:02d}")
    rounded = {k for k in range(n + 1) if abs(Fraction(100 * k, n) - Fraction(hundredths, 100)) <= Fraction(1, 200)}
    assert {c.hits for c in counts(number, n, 1, 100) if c.reading == "rounded"} == rounded


@pytest.mark.parametrize(
    ("n", "runs", "expected"), [(278, 1, True), (2048, 4, True), (2048, 5, False), (10_000, 1, False)]
)
def test_untestable_from_ten_thousand_on(n: int, runs: int, expected: bool) -> None:
    assert is_testable(printed("97.62"), n, runs, 100) is expected


def test_power_of_the_rule_for_one_run() -> None:
    """Shares of two-decimal values that no single run could give, as published in the research on this rule."""
    for n, share in ((2048, 0.795), (278, 0.972)):
        values = [printed(f"{i // 100}.{i % 100:02d}") for i in range(10_000)]
        impossible = sum(all(c.reading != "rounded" for c in counts(v, n, 1, 100)) for v in values)
        assert impossible / 10_000 == pytest.approx(share, abs=0.002)


def test_runs_needed_is_the_smallest_number_that_works() -> None:
    for text, n in (("89.09", 2048), ("98.36", 455)):
        needed = runs_needed(printed(text), n, 100)
        possible = [m for m in range(1, 40) if any(f"{100 * k / (n * m):.2f}" == text for k in range(n * m + 1))]
        assert needed == possible[0]


def test_declared_runs_make_a_mean_possible() -> None:
    one = examine([claim(value="97.62", n_test=2048)])["p:t:a"][0]
    three = examine([claim(value="97.62", n_test=2048, runs=3)])["p:t:a"][0]
    assert (one.status, three.status) == ("impossible", "ok")
    assert "mean of 3" in three.text
    assert "1..3 runs" in three.assumption


def test_fractions_count_in_thousandths() -> None:
    found = examine(
        [claim(value="0.846", unit="fraction", n_test=382), claim("b", value="0.847", unit="fraction", n_test=500)]
    )
    assert found["p:t:a"][0].status == "ok"  # 323/382 = 0.8455
    assert found["p:t:b"][0].status == "impossible"  # only even thousandths


@given(st.lists(st.integers(1, 12), min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_a_real_confusion_matrix_always_fits(sizes: list[int], random: object) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    predicted = np.array([random.randrange(len(sizes)) for _ in labels])  # type: ignore[attr-defined]
    kind = {"average": "macro", "zero_division": 0, "labels": np.arange(len(sizes))}
    p, r = precision_score(labels, predicted, **kind), recall_score(labels, predicted, **kind)
    scores = {"accuracy": accuracy_score(labels, predicted), "precision": p, "recall": r}
    joint = 2 * p * r / (p + r) if p + r else 0.0
    errors = tuple(int(((labels == c) & (predicted != c)).sum()) for c in range(len(sizes)))
    for f1 in (joint, f1_score(labels, predicted, **kind)):
        texts = {name: printed(f"{100 * value:.2f}") for name, value in {**scores, "f1": f1}.items()}
        found = fitting_vectors(sizes, texts)
        assert found is not None
        assert errors in found
    assert f1_finding(*(texts[name] for name in ("precision", "recall", "f1"))).status != "impossible"


def test_error_vectors_are_those_of_a_plain_search() -> None:
    sizes, accuracy, recall = (9, 4, 5), printed("77.78"), printed("77.59")
    plain = [
        e
        for e in itertools.product(*(range(size + 1) for size in sizes))
        if f"{100 * (1 - sum(e) / 18):.2f}" == "77.78"
        and abs(100 * sum(1 - x / s for x, s in zip(e, sizes, strict=True)) / 3 - 77.59) <= 0.0050001
    ]
    assert plain
    assert set(plain) <= set(error_vectors(sizes, accuracy, recall) or [])


def test_too_many_ways_are_not_gone_through() -> None:
    assert error_vectors([50] * 200, printed("50.00"), printed("50.00")) is None


def test_f1_above_the_harmonic_mean_is_impossible() -> None:
    assert f1_finding(printed("80.00"), printed("70.00"), printed("74.67")).status == "ok"
    assert f1_finding(printed("80.00"), printed("70.00"), printed("74.90")).status == "impossible"
    assert f1_finding(printed("80.00"), printed("70.00"), printed("73.00")).status == "note"


def test_means_of_parts() -> None:
    parts = [printed("80.0"), printed("90.0")]
    assert mean_finding(printed("85.0"), parts, "mean").status == "ok"
    assert mean_finding(printed("84.7"), parts, "harmonic mean").status == "ok"
    assert mean_finding(printed("85.3"), parts, "mean").status == "impossible"


def test_points_and_relative_gain_are_told_apart() -> None:
    ours, theirs = printed("91.66"), printed("33.26")
    assert difference_finding(printed("58.40"), ours, theirs).short == "ok as absolute points"
    relative = difference_finding(printed("175.59"), ours, theirs)
    assert (relative.status, relative.short) == ("note", "relative gain, not points")
    assert difference_finding(printed("60.0"), ours, theirs).status == "impossible"
    low, high = relative_gain(ours, theirs)
    assert low < Fraction("175.59") < high


def test_best_possible_p_is_that_of_an_exact_test() -> None:
    found = separation([{255}, {265}, {260}])
    assert found.best == pytest.approx(binomtest(0, 10).pvalue)
    assert found.pairs == 3


def test_holm_goes_on_only_while_pairs_survive() -> None:
    """Against K=20 alone (8 comparisons) only K=200 could differ: 2^-9 < .05/8, then 2^-7 > .05/7."""
    k20, others = 265, [258, 258, 257, 262, 261, 260, 255, 258]
    p = sorted(2.0 ** (1 - abs(k20 - k)) for k in others)
    survive = [p[i] <= 0.05 / (len(p) - i) for i in range(len(p))]
    assert survive.index(False) == 1
    everything = separation([{0}, {100}, {200}])
    assert everything.separable == 3
    assert separation([{k} for k in (k20, *others)]).separable == 0


def test_floor_is_told_only_below_it() -> None:
    low, high = (
        claim("low", value="76.3", n_test=298, class_counts=(229, 69)),
        claim("high", value="77.2", n_test=298, class_counts=(229, 69)),
    )
    found = examine([low, high])
    assert [f.rule for f in found["p:t:low"] if f.status == "note"] == ["trivial_baseline"]
    assert not [f for f in found["p:t:high"] if f.rule == "trivial_baseline"]


def test_summary_puts_the_impossible_first() -> None:
    found = examine([claim(value="76.30", n_test=298, class_counts=(229, 69))])["p:t:a"]
    assert summary(found).startswith("impossible as k/298 of one run")
    assert summary(found).endswith("below the majority class (76.85)")
    assert summary([]) == ""
