"""Learning curves beside a method that no budget changes: its line, and paired differences from it."""

from __future__ import annotations

import numpy as np
import pytest
from made_records import done, varied
from scipy import stats

from bench.core.errors import UsageError
from bench.plots.chart import Chart
from bench.plots.curves import curves
from bench.plots.export import svg
from bench.tables import aggregate

Rights = dict[tuple[str, int], int]


def drawn(rights: Rights, spread: int = 0, dataset: str = "pacs[shots={0}]", seeds: int = 3) -> Chart:
    """Curves of methods that are right on so many of 100 items; every further seed on ``spread`` more, but for vpt."""
    made = [
        done(
            f"{dataset.format(shots)}/pico/{method}/quick/seed={seed}",
            right=(right + (0 if method == "vpt" else seed * spread),),
        )[0]
        for (method, shots), right in rights.items()
        for seed in range(seeds)
    ]
    records = varied(made, "dataset", "shots", [shots for _, shots in rights for _ in range(seeds)])
    return curves(aggregate(records), records)


def of_kind(chart: Chart, kind: str) -> list[dict[str, object]]:
    return [point for point in chart.points if point["kind"] == kind]


def test_a_method_that_no_budget_changes_is_a_line() -> None:
    chart = drawn({("vpt", 1): 60, ("vpt", 16): 60, ("lora", 1): 62, ("lora", 16): 90})
    assert [(line["value"], line["line"]) for line in of_kind(chart, "line")] == [(60, "vpt 60.0\u00a0%")]
    assert {point["method"] for point in of_kind(chart, "mean")} == {"lora"}
    assert chart.heading == "Of 1 method 0 at 1 and 1 at 16 shots were found better than vpt"
    assert "intervals of the paired difference from vpt" in " ".join(chart["title"]["subtitle"])
    assert "vpt 60.0" in svg(chart)


def test_the_title_says_that_nothing_was_told_from_the_line() -> None:
    chart = drawn({("vpt", 1): 60, ("vpt", 16): 60, ("lora", 1): 59, ("lora", 16): 61})
    assert chart.heading == "None of 1 method was found better than vpt at 1 to 16 shots"
    assert not of_kind(chart, "crossover")


def test_bars_are_the_paired_difference_around_the_mean() -> None:
    chart = drawn({("vpt", 1): 60, ("vpt", 16): 60, ("lora", 1): 62, ("lora", 16): 90})
    items = np.arange(100)
    for point, right in zip(of_kind(chart, "mean"), (62, 90), strict=True):
        difference = (items < right).astype(float) - (items < 60)
        half = 100 * stats.t.ppf(0.975, 99) * difference.std(ddof=1) / 10
        assert point["value"] == pytest.approx(right)
        assert (point["low"], point["high"]) == pytest.approx((right - half, right + half))


def test_methods_stand_side_by_side_at_each_size() -> None:
    chart = drawn({(method, shots): 60 + shots for method in ("lora", "bitfit") for shots in (1, 16)})
    places = {(point["method"], point["x"]): point["at"] for point in of_kind(chart, "mean")}
    assert len(set(places.values())) == 4
    assert all(x / 2**0.25 <= at <= x * 2**0.25 for (_, x), at in places.items())


def test_what_varies_with_the_seed_is_no_line() -> None:
    chart = drawn({("bitfit", 1): 60, ("bitfit", 16): 60, ("lora", 1): 62, ("lora", 16): 90}, spread=3)
    assert not of_kind(chart, "line")
    assert {point["method"] for point in of_kind(chart, "mean")} == {"bitfit", "lora"}


def test_floors_far_from_the_curves_are_told_not_drawn() -> None:
    chart = drawn({("majority", 1): 5, ("majority", 16): 5, ("knn", 1): 20, ("knn", 16): 80, **around(80)})
    assert {point["method"] for point in chart.points if point["kind"] != "crossover"} == {"vpt", "lora"}
    subtitle = " ".join(chart["title"]["subtitle"]).replace("\u00a0", " ")
    assert "off the scale: knn 20.0 % to 80.0 % and majority 5.0 %" in subtitle


def around(value: int) -> Rights:
    return {("vpt", 1): value, ("vpt", 16): value, ("lora", 1): value - 3, ("lora", 16): value + 3}


def test_validation_data_that_grow_with_the_training_data_are_one_curve() -> None:
    chart = drawn(around(80), dataset="pacs[shots={0},val_shots={0}]")
    assert [(point["method"], point["x"]) for point in of_kind(chart, "mean")] == [("lora", 1), ("lora", 16)]
    (line,) = of_kind(chart, "line")
    assert line["method"] == "vpt"


def test_one_budget_with_two_validation_subsets_is_two_curves() -> None:
    names = [f"pacs[shots={s},val_shots={v}]/pico/lora/quick/seed=0" for s in (1, 4) for v in (1, 4)]
    made = [done(name, right=(60 + number,))[0] for number, name in enumerate(names)]
    records = varied(made, "dataset", "shots", [1, 1, 4, 4])
    with pytest.raises(UsageError, match="one data set, protocol and backbone, not 2"):
        curves(aggregate(records), records)
