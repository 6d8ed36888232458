"""Charts show the numbers of the records, and their titles say what is in them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_records import done, varied
from made_results import METHODS, fill, finished, grid

from bench.api.table import make
from bench.core.errors import UsageError
from bench.plots.chart import Chart
from bench.plots.claims import claims
from bench.plots.comparison import comparison
from bench.plots.confusion import confusion
from bench.plots.crossover import told
from bench.plots.curves import curves, lead_changes
from bench.plots.draw import CHARTS, Request, draw
from bench.plots.embedding import embedding, neighbour_purity
from bench.plots.pareto import front, pareto
from bench.plots.reliability import reliability
from bench.plots.routing import routing
from bench.plots.selection import selection
from bench.plots.spectrum import effective_rank, spectrum
from bench.plots.style import COLOURS, SHAPES, series
from bench.plots.sweep import Published, sweep
from bench.plots.training import training
from bench.plots.tuning import tuning
from bench.records import Record, Selection, Store, prediction_key
from bench.stats import Crossover
from bench.tables import Table, aggregate

SETTING = "digits/pico/{}/quick/seed=0"


def table_of(names: dict[str, tuple[int, ...]]) -> Table:
    return aggregate([done(name, right=right)[0] for name, right in names.items()], stages=True)


def test_comparison_shows_points_intervals_and_trivial_baselines() -> None:
    rights = {"majority": (25,), "knn": (70,), "linear_probe": (60,), "cladapter": (75, 90)}
    table = table_of({SETTING.format(name): right for name, right in rights.items()})
    chart = comparison(table)
    points = {point["method"]: point for point in chart.points}
    assert {name: point["value"] for name, point in points.items()} == pytest.approx(
        {"majority": 25, "knn": 70, "linear_probe": 60, "cladapter stage1": 75, "cladapter stage2": 90}
    )
    assert points["cladapter stage1"]["kind"] == "earlier stage"
    assert points["knn"]["kind"] == "trivial_baseline"
    assert chart.heading.startswith("cladapter stage2 has the best mean accuracy, 90.0\u00a0%")


def test_a_floor_that_nothing_beats_is_the_finding() -> None:
    chart = comparison(table_of({SETTING.format(n): (r,) for n, r in {"knn": 70, "vpt": 60, "bitfit": 50}.items()}))
    assert chart.heading.startswith(
        "No mean accuracy is better than the trivial baseline knn 70.0\u00a0%: vpt has 60.0\u00a0%"
    )


def test_a_name_that_the_title_breaks_is_whole_in_the_finding() -> None:
    name = "cladapter[k=5,tuning=frozen,bottleneck=64,mlp_ratio=0.25,temperature=0.5,dropout=0.1,heads=4]"
    chart = comparison(table_of({SETTING.format(n): (r,) for n, r in {"knn": 10, name: 80}.items()}))
    assert not any(name in line for line in chart["title"]["text"])
    assert chart.heading.startswith(f"{name} has the best mean accuracy")


def test_lines_begin_with_words() -> None:
    lines = comparison(table_of({SETTING.format(n): (r,) for n, r in {"knn": 10, "vpt": 80}.items()}))["title"]
    assert len(lines["subtitle"]) > 1
    assert not any(line.startswith(("·", "\u00a0")) for line in lines["subtitle"])


def test_pairs_say_their_difference_where_it_fits(tmp_path: Path) -> None:
    few, many = (list(METHODS)[:number] for number in (5, 9))
    for folder, methods in ((tmp_path / "few", few), (tmp_path / "many", many)):
        fill(folder, grid(methods=methods, seeds=3))
    marks = [
        [layer["mark"]["type"] for layer in draw("pairs", Request(Store(tmp_path / name)))["layer"]]
        for name in ("few", "many")
    ]
    assert marks == [["point", "text"], ["point"]]


def test_names_that_would_be_cut_alike_have_a_line_each() -> None:
    long = [f"cladapter[tuning=frozen,depth=2,k={k}]" for k in (5, 20)]
    assert series("method", long)["color"]["legend"]["columns"] == 1
    assert "columns" not in series("method", ["lora", "vpt"])["color"]["legend"]


def test_a_floor_that_matters_is_on_the_front() -> None:
    """Means of methods lie close together, their intervals do not: a trivial baseline within these is drawn."""
    rights = {"knn": 74, "vpt": 70, "bitfit": 71, "majority": 10}
    table = table_of({SETTING.format(name): (right,) for name, right in rights.items()})
    rows = []
    for row in table.rows:
        value = row.values["accuracy"]
        spread = replace(value, low=value.mean - 0.05, high=value.mean + 0.05)
        rows.append(replace(row, values={**row.values, "accuracy": spread}))
    chart = pareto(replace(table, rows=rows), "seconds")
    drawn = {point["method"] for point in chart.points if {"priced", "free"} & point.keys()}
    assert drawn == {"knn", "vpt", "bitfit"}
    assert "off the scale: majority 10.0\u00a0%" in " ".join(chart["title"]["subtitle"])


def test_tuning_marks_the_rates_that_were_tried() -> None:
    chart = tuning([finished("breakhis/pico/linear_probe/tuned/seed=0")[0]])
    axis = chart["spec"]["layer"][0]["encoding"]["x"]["axis"]
    assert axis["values"] == sorted({point["rate"] for point in chart.points})


def test_many_classes_are_named_once() -> None:
    runs = [finished("digits/pico/lora/quick/seed=0", n=260, classes=13)]
    axes = [confusion(runs)["layer"][0]["encoding"][side].get("axis", {}) for side in ("x", "y")]
    assert [axis.get("labels", True) for axis in axes] == [False, True]


def test_a_floor_far_below_is_told_not_drawn() -> None:
    near = comparison(table_of({SETTING.format(n): (r,) for n, r in {"knn": 70, "vpt": 80, "bitfit": 60}.items()}))
    far = comparison(table_of({SETTING.format(n): (r,) for n, r in {"knn": 10, "vpt": 80, "bitfit": 78}.items()}))
    assert [point["off"] for point in near.points if point["kind"] == "trivial_baseline"] == [False]
    assert [point["off"] for point in far.points if point["kind"] == "trivial_baseline"] == [True]
    assert "off the scale: knn 10.0\u00a0%" in " ".join(far["title"]["subtitle"])
    assert not any("strokeDash" in layer["encoding"] for layer in far["layer"])


def test_several_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="not 2"):
        comparison(table_of({"digits/pico/vpt/quick/seed=0": (60,), "pacs/pico/vpt/quick/seed=0": (60,)}))


def test_letters_say_who_was_not_separated(tmp_path: Path) -> None:
    fill(tmp_path, grid(methods=["majority", "knn", "linear_probe", "lora", "cladapter"], seeds=4), n=300)
    chart = draw("comparison", Request(Store(tmp_path)))
    letters = {point["method"]: set(point["letters"]) for point in chart.points}
    (row,) = (row for row in make(Store(tmp_path), None).rows if row.key.method == "lora")
    (point,) = (point for point in chart.points if point["method"] == "LoRA")
    ends = (row.values["accuracy"].low, row.values["accuracy"].high)
    assert (point["low"], point["high"]) == pytest.approx([100 * end for end in ends if end is not None])
    assert "bars: 95\u00a0% intervals over items and seeds" in " ".join(chart["title"]["subtitle"])
    assert letters["CLAdapter"] & letters["LoRA"]
    assert not letters["CLAdapter"] & letters["kNN"]
    assert "not significantly different from LoRA" in chart.heading
    matrix = draw("pairs", Request(Store(tmp_path)))
    verdicts = {(point["row"], point["column"]): point["verdict"] for point in matrix.points}
    assert verdicts["cladapter", "knn"] == "row better"
    assert verdicts["knn", "cladapter"] == "row worse"
    assert verdicts["lora", "cladapter"] == "no significant difference"
    assert matrix.heading.startswith(f"{list(verdicts.values()).count('row better')} of 10 pairs")


def test_sweep_counts_the_default_and_shows_published_points() -> None:
    names = ["digits/pico/cladapter[k=5]/quick/seed=0", "digits/pico/cladapter/quick/seed=0"]
    made = [done(name, right=(right,))[0] for name, right in zip(names, (70, 80), strict=True)]
    records = varied(made, "method", "k", [5, 20])
    chart = sweep(aggregate(records), records, [Published(5, 0.9281)])
    ours = {point["x"]: point["value"] for point in chart.points if point["kind"] == "ours"}
    assert ours == pytest.approx({5: 70, 20: 80})
    assert [(p["x"], p["value"]) for p in chart.points if p["kind"] == "published"] == [(5, pytest.approx(92.81))]
    assert "k of cladapter: means span 10.0 points" in chart.heading
    with pytest.raises(UsageError, match=r"field .dropout.*k\b"):
        sweep(aggregate(records), records, field="dropout")


def test_sweep_takes_a_field_of_the_recipe() -> None:
    """Two recipes that differ elsewhere too are two lines with names of their own."""
    names = [f"digits/pico/lora/quick[lr={lr}{more}]/seed=0" for more in ("", ",epochs=9") for lr in (0.1, 0.2)]
    made = [done(name, right=(right,))[0] for name, right in zip(names, (70, 80, 60, 65), strict=True)]
    records = varied(made, "recipe", "lr", [0.1, 0.2, 0.1, 0.2])
    chart = sweep(aggregate(records), records, field="lr")
    drawn = {(point["series"], point["x"]): point["value"] for point in chart.points}
    lines = list(dict.fromkeys(name for name, _ in drawn))
    assert len(lines) == 2
    assert sorted(tuple(drawn[line, x] for x in (0.1, 0.2)) for line in lines) == [(60, 65), (70, 80)]


def test_many_lines_of_a_sweep_have_a_colour_and_a_shape_each() -> None:
    names = [f"digits/pico/lora[rank={rank}]/quick[lr={lr}]/seed=0" for rank in range(1, 10) for lr in (0.1, 0.2)]
    records = varied([done(name, right=(70,))[0] for name in names], "recipe", "lr", [0.1, 0.2] * 9)
    encoding = sweep(aggregate(records), records, field="lr")["layer"][-1]["encoding"]
    looks = list(zip(encoding["color"]["scale"]["range"], encoding["shape"]["scale"]["range"], strict=True))
    assert len(looks) == len(set(looks)) == 9


def test_curves_name_the_crossing() -> None:
    rights = {("vpt", 1): 50, ("vpt", 4): 60, ("lora", 1): 40, ("lora", 4): 80}
    made = [done(f"pacs[shots={s}]/pico/{m}/quick/seed=0", right=(r,))[0] for (m, s), r in rights.items()]
    records = varied(made, "dataset", "shots", [shots for _, shots in rights])
    chart = curves(aggregate(records), records)
    (ring,) = [point for point in chart.points if point["kind"] == "crossover"]
    assert ring["x"] == pytest.approx(4 ** (1 / 3))  # a third of the way on the logarithm
    assert ring["passes"] == "lora passes vpt"
    assert chart.heading.startswith("lora passes vpt at about 1.59")


def test_curves_say_how_well_the_crossing_is_known() -> None:
    rights = {("vpt", 1): 50, ("vpt", 16): 60, ("lora", 1): 20, ("lora", 16): 90}
    made = [
        done(f"pacs[shots={shots}]/pico/{method}/quick/seed={seed}", right=(right + seed,))[0]
        for (method, shots), right in rights.items()
        for seed in range(3)
    ]
    records = varied(made, "dataset", "shots", [shots for _, shots in rights for _ in range(3)])
    wide = " ".join(curves(aggregate(records), records)["title"]["subtitle"])
    found = re.search(r"lora and vpt: 95 % interval from ([\d.]+) to ([\d.]+)", wide)
    assert found is not None, wide
    assert 1 < float(found[1]) < 4 < float(found[2]) < 16  # the means cross at 4


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (None, None, "nowhere in the range are the two separated"),
        (None, 3.0, "95 % interval up to 3"),
        (2.0, None, "95 % interval from 2"),
        (2.0, 3.0, "95 % interval from 2 to 3"),
    ],
)
def test_open_ends_of_a_crossing_are_said(low: float | None, high: float | None, words: str) -> None:
    assert told(Crossover(2.5, low, high, "A")) == words


@pytest.mark.parametrize("higher", [True, False])
def test_lead_changes_against_a_fine_grid(higher: bool) -> None:
    rng = np.random.default_rng(3)
    sizes = [1.0, 2.0, 4.0, 16.0]
    means = {name: dict(zip(sizes, rng.random(4), strict=True)) for name in "abcd"}
    grid_ = np.exp(np.linspace(0, math.log(16), 40_001))
    lines = np.array([np.interp(np.log(grid_), np.log(sizes), list(points.values())) for points in means.values()])
    leader = lines.argmax(0) if higher else lines.argmin(0)
    places = np.flatnonzero(np.diff(leader))
    found = list(lead_changes(means, higher))
    assert [x for x, *_ in found] == pytest.approx(grid_[places].tolist(), rel=1e-3)
    assert [new for *_, new in found] == ["abcd"[leader[place + 1]] for place in places]
    assert found  # the draw has crossovers


def test_front_against_every_pair() -> None:
    points = [tuple(pair) for pair in np.random.default_rng(0).integers(0, 6, (40, 2)).tolist()]
    beaten = {i for i, (c, v) in enumerate(points) for d, w in points if (d < c and w >= v) or (d <= c and w > v)}
    assert front(points) == set(range(40)) - beaten


def test_pareto_knows_what_costs_nothing(tmp_path: Path) -> None:
    records = fill(tmp_path, grid(methods=["knn", "linear_probe", "cladapter"], seeds=1))
    chart = pareto(aggregate(records))
    costs = {point["method"]: point["cost"] for point in chart.points}
    assert any("y2" in layer["encoding"] for layer in chart["layer"])  # intervals are drawn
    assert costs == {"knn": 0, "linear_probe": METHODS["linear_probe"][2], "cladapter": METHODS["cladapter"][2]}
    with pytest.raises(UsageError, match="No cost"):
        pareto(aggregate(records), "euros")


def test_tuning_tells_of_the_grids_edge() -> None:
    names = grid("breakhis", "pico", ["linear_probe", "cladapter"], "tuned", 2)
    chart = tuning([finished(name)[0] for name in names])
    assert chart.heading == "Best learning rate at the grid's edge for linear_probe: a better one may lie outside"
    chosen = {point["method"]: point["rate"] for point in chart.points if point["chosen"]}
    assert chosen == {"linear_probe": 0.003, "cladapter": 0.0003}
    with pytest.raises(UsageError, match="several learning rates"):
        tuning([finished("digits/pico/cladapter/quick/seed=0")[0]])


def test_confusion_and_reliability_add_up_runs() -> None:
    runs = [finished(f"digits/pico/lora/quick/seed={seed}", n=210, classes=3) for seed in range(2)]
    chart = confusion(runs, ("cat", "dog", "emu"))
    counts = {(point["true"], point["predicted"]): point["count"] for point in chart.points}
    assert sum(counts.values()) == 420
    right = sum(round(record.metrics["test"]["accuracy"] * 210) for record, _ in runs)  # type: ignore[operator]
    assert counts["cat", "cat"] + counts["dog", "dog"] + counts["emu", "emu"] == right
    one = reliability(runs[:1])
    error = sum(abs(p["accuracy"] - p["confidence"]) * p["samples"] for p in one.points) / 210
    assert error == pytest.approx(100 * runs[0][0].metrics["test"]["ece"], abs=1e-3)  # type: ignore[operator]
    with pytest.raises(UsageError, match="one configuration"):
        confusion([*runs, finished("digits/pico/vpt/quick/seed=0")])


def test_routing_shows_weights_and_entropy() -> None:
    record, _ = finished("digits/pico/cladapter/quick/seed=0", classes=7)
    chart = routing(record, class_names=[f"c{i}" for i in range(7)])
    block = record.diagnostics["stage1"]["routing"]
    assert [point["weight"] for point in chart.points] == [weight for row in block["beta"] for weight in row]
    assert chart.points[0]["class"] == f"c0 (H {block['entropy'][0]:.2f})"
    with pytest.raises(UsageError, match="only methods that route"):
        routing(finished("digits/pico/vpt/quick/seed=0")[0])


def test_embedding_before_and_after() -> None:
    record, arrays = finished("digits/pico/cladapter/quick/seed=0", n=60, classes=3)
    targets = arrays[prediction_key("test", "targets")]
    noise = np.random.default_rng(0).normal(size=(60, 8))
    arrays[prediction_key("test", "features", "backbone")] = noise
    arrays[prediction_key("test", "features", "stage1")] = noise + 20 * np.eye(3, 8)[targets]
    chart = embedding((record, arrays), ("a", "b", "c"))
    assert [point["panel"] for point in chart.points[::60]] == ["before: backbone", "after: stage1"]
    assert neighbour_purity(noise + 20 * np.eye(3, 8)[targets], targets) == 1
    assert "100 % after stage1" in chart.heading
    with pytest.raises(UsageError, match="No test features"):
        embedding(finished("digits/pico/vpt/quick/seed=0"))


def test_spectrum_counts_directions() -> None:
    assert effective_rank([3.0, 1.0, 1.0]) == 2  # 9 of 11 is less than 90 %, 10 of 11 is more
    record, _ = finished("digits/pico/cladapter/quick/seed=0")
    block = {"stage1": {"spectrum": {"update": [1.0, 2.0]}}}
    chart = spectrum(record.model_copy(update={"diagnostics": block}))
    assert [point["share"] for point in chart.points] == [1.0, 0.5]
    many = {"a": [1.0, 1.0], "b": [1.0, 0.01, 0.0], "c": [1.0, 0.9, 0.01]}
    of_many = spectrum(record.model_copy(update={"diagnostics": {"stage1": {"spectrum": many}}}))
    assert of_many.heading == "90 % lie in 1 of 3 (b) to 2 of 2 (a) directions"
    with pytest.raises(UsageError, match="No singular values"):
        spectrum(record)


def test_training_follows_the_epochs() -> None:
    record, _ = finished("digits/pico/lora/quick/seed=0")
    chart = training([record])
    values = [point["value"] for point in chart.points if point["curve"] == "val accuracy (%)"]
    assert values == pytest.approx([100 * v for v in record.stages[0].curves["val_accuracy"] if v is not None], 1e-5)
    assert chart.heading == "1 run, best epoch 8"
    titles = list(dict.fromkeys(point["curve"] for point in chart.points))
    assert chart["columns"] == (1 if len(titles) % 2 else 2)  # no axes under an empty place


def test_long_training_is_thinned_and_says_so() -> None:
    record, _ = finished("digits/pico/lora/quick/seed=0")
    long = record.stages[0].model_copy(update={"curves": {"train_loss": [1 / 3] * 9_000}})
    chart = training([record.model_copy(update={"stages": [long]})])
    assert [point["epoch"] for point in chart.points] == list(range(5, 9_001, 5))
    assert "every 5 epochs" in " ".join(chart["title"]["subtitle"])
    assert chart.points[0]["value"] == 0.333333


def test_claims_leave_out_what_was_not_compared() -> None:
    rows = [
        dict(id="p:t:a", value="95.0", unit="%", ours=0.94, difference=-0.01, width=0.02, tolerance=0.05,
             verdict="reproduced", seeds=3),
        dict(id="p:t:b", value="95.0", unit="%", ours=0.80, difference=-0.15, width=None, tolerance=0.05,
             verdict="not comparable", seeds=3),
    ]  # fmt: skip
    chart = claims(rows)
    (point,) = chart.points
    assert (point["difference"], point["low"], point["high"]) == pytest.approx((-1, -3, 1))
    assert chart.heading == "1 reproduced"
    with pytest.raises(UsageError, match="No claim"):
        claims(rows[1:])


def test_every_series_has_a_colour_and_a_shape_of_its_own() -> None:
    assert len({*COLOURS}) == len(COLOURS) == len({*SHAPES})


def test_names_of_charts_are_checked(tmp_path: Path) -> None:
    fill(tmp_path, grid(methods=["vpt"], seeds=1))
    with pytest.raises(UsageError, match="Did you mean 'pareto'"):
        draw("paretto", Request(Store(tmp_path)))
    with pytest.raises(UsageError, match="no option 'stage'"):
        draw("pareto", Request(Store(tmp_path), options={"stage": "stage1"}))
    assert len(CHARTS) == 16


def test_a_chart_is_json_and_shows_in_a_notebook() -> None:
    chart = comparison(table_of({SETTING.format("vpt"): (80,)}))
    assert json.loads(json.dumps(chart)) == chart
    shown = chart._repr_mimebundle_()
    assert shown["image/png"].startswith(b"\x89PNG")
    assert chart.heading in shown["text/plain"]


def shots_of(rights: dict[tuple[str, int], int]) -> Chart:
    """Curves of methods that are right on so many of a hundred items at so many shots."""
    made = [done(f"pacs[shots={s}]/pico/{m}/quick/seed=0", right=(r,))[0] for (m, s), r in rights.items()]
    records = varied(made, "dataset", "shots", [shots for _, shots in rights])
    return curves(aggregate(records), records)


def test_curves_that_end_level_name_all_and_ring_nothing() -> None:
    chart = shots_of({("vpt", 1): 50, ("vpt", 4): 80, ("lora", 1): 40, ("lora", 4): 80})
    assert chart.heading == "lora and vpt have the same best mean at 4 shots"
    assert [point for point in chart.points if point["kind"] == "crossover"] == []


def test_a_level_point_between_sizes_is_a_change_where_the_other_goes_on_ahead() -> None:
    rights = {("vpt", 1): 50, ("vpt", 4): 80, ("vpt", 16): 85, ("lora", 1): 40, ("lora", 4): 80, ("lora", 16): 95}
    (ring,) = [point for point in shots_of(rights).points if point["kind"] == "crossover"]
    assert (ring["x"], ring["passes"]) == (4, "lora passes vpt")
    touching = {**rights, ("lora", 16): 81}
    assert [point for point in shots_of(touching).points if point["kind"] == "crossover"] == []


@pytest.mark.parametrize(("one", "other"), [(0.8, 0.1 + 0.7), (0.1 + 0.7, 0.8)])
def test_rounding_of_a_mean_is_no_lead(one: float, other: float) -> None:
    means = {"vpt": {1.0: 0.5, 4.0: one, 16.0: 0.85}, "lora": {1.0: 0.4, 4.0: other, 16.0: 0.95}}
    assert [(x, old, new) for x, _, old, new in lead_changes(means)] == [(4.0, "vpt", "lora")]
    level = {name: {1.0: points[1.0], 4.0: points[4.0]} for name, points in means.items()}
    assert list(lead_changes(level)) == []


def test_a_sweep_names_all_values_that_are_best() -> None:
    made = [done(f"digits/pico/cladapter[k={k}]/quick/seed=0", right=(r,))[0] for k, r in ((2, 80), (5, 70), (9, 80))]
    records = varied(made, "method", "k", [2, 5, 9])
    assert "best at 2 and 9" in sweep(aggregate(records), records).heading


def test_figures_say_which_rows_have_other_seeds(tmp_path: Path) -> None:
    cells = [*grid(methods=["lora"], seeds=4), *grid(methods=["vpt"], seeds=2)]
    fill(tmp_path, [*cells, *grid(methods=["majority"], seeds=1)])
    for name in ("comparison", "pairs", "pareto"):
        assert "unequal seeds (4: lora; 2: vpt)" in " ".join(draw(name, Request(Store(tmp_path)))["title"]["subtitle"])
    fill(tmp_path, grid(methods=["vpt"], seeds=4))
    for name in ("comparison", "pairs", "pareto"):
        assert "unequal" not in " ".join(draw(name, Request(Store(tmp_path)))["title"]["subtitle"])


def chosen_by(method: str, right: int, by: str, labels: int, seed: int = 0, n: int = 100) -> Record:
    record = done(f"digits/pico/{method}/quick/seed={seed}", right=(right,), n=n)[0]
    return record.model_copy(update={"selection": Selection(criterion="val_best", by=by, labels=labels)})


def test_selection_shows_each_way_of_choosing_and_the_median_difference() -> None:
    rights = {"vpt": (70, 74, 75), "lora": (80, 81, 84), "bitfit": (60, 61, 61)}
    ways = (("val", 20), ("val", 90), ("test", 100))
    records = [
        chosen_by(method, right, *way)
        for method, found in rights.items()
        for right, way in zip(found, ways, strict=True)
    ]
    records += [chosen_by("vpt", 72, "val", 20, seed=1), chosen_by("knn", 10, "none", 0)]
    chart = selection(records)
    points = {(point["method"], point["way"]): point["value"] for point in chart.points}
    assert points["vpt", "20 labels"] == pytest.approx(71)  # the mean of both seeds
    assert points["lora", "test split"] == pytest.approx(84)
    assert len(points) == 9  # trivial baselines are left out
    assert [point["method"] for point in chart.points][::3] == ["lora", "vpt", "bitfit"]
    assert "90 labels +1.0 points (median of 3 methods)" in chart.heading
    assert "test split +4.0 points" in chart.heading


def test_selection_refuses_one_way_and_several_settings() -> None:
    with pytest.raises(UsageError, match="one way"):
        selection([chosen_by("vpt", 70, "val", 20), chosen_by("lora", 70, "val", 20)])
    with pytest.raises(UsageError, match="one data set, training size, test split"):
        selection([chosen_by("vpt", 70, "val", 20), chosen_by("lora", 70, "test", 100, n=90)])
    with pytest.raises(UsageError, match="No finished row"):
        selection([])
