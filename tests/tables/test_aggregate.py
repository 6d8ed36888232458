"""The aggregator on hand-made records: means, intervals, and every mark."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_records import done, failed

from bench.core.errors import UsageError
from bench.records import Flags, Record
from bench.records.evaluation_log import Evaluation
from bench.records.items import unpacked
from bench.stats import intervals
from bench.tables import aggregate, to_json
from bench.tables.table import Table

SETTING = "pacs/pico/"


def one(method: str, right: tuple[int, ...] | int = 80, seed: int = 0, recipe: str = "quick", **fields: Any) -> Record:
    right = (right,) if isinstance(right, int) else right
    return done(f"{SETTING}{method}/{recipe}/seed={seed}", right=right, **fields)[0]


FLOORS = [one("majority", 25), one("knn", 70)]


def row(table: Table, method: str, stage: str | None = None) -> dict[str, Any]:
    found = [r for r in to_json(table) if r["method"] == method and stage in (None, r["stage"])]
    assert len(found) == 1
    return found[0]


def test_columns_are_those_of_the_rows_that_are_shown() -> None:
    other = failed("digits_boxes/pico/linear_probe/quick/seed=0").model_copy(update={"task": "detection"})
    assert "ap50" in aggregate([*FLOORS, other]).columns
    assert aggregate([*FLOORS, other], "pacs").columns == aggregate(FLOORS).columns
    with pytest.raises(UsageError, match="ap50"):
        aggregate([*FLOORS, other], "pacs", ["ap50"])


def test_golden_row() -> None:
    """Two seeds with 80 and 90 of 100 right: too few for an interval over seeds, whose range stands apart."""
    table = aggregate([*FLOORS, one("linear_probe", 80), one("linear_probe", 90, seed=1)])
    found = row(table, "linear_probe")
    accuracy = found.pop("accuracy")
    assert accuracy["mean"] == pytest.approx(0.85)
    assert (accuracy["covers"], accuracy["seed_low"], accuracy["seed_high"]) == ("items", 0.8, 0.9)
    assert 0.75 < accuracy["low"] < 0.80 < 0.90 < accuracy["high"] < 0.93
    assert found.pop("ranks") == [1, 1]  # of these two models: 80 and 90 against 70 on the same items
    assert found.pop("ties") == "a"
    assert found.pop("macro_f1")["mean"] == pytest.approx(0.85, abs=0.01)
    assert [found.pop(f"{part}_title") for part in ("backbone", "method", "recipe")] == [
        "pico",
        "linear_probe",
        "quick",
    ]
    assert found.pop("dataset_title") == "pacs (paper)"
    assert found == {
        "dataset": "pacs",
        "protocol": "paper",
        "backbone": "pico",
        "method": "linear_probe",
        "recipe": "quick",
        "stage": "stage1",
        "seeds": 2,
        "n": 100,
        "trainable": 0,
        "warnings": [],
        "notes": [],
        "failures": [],
        "cells": [f"{SETTING}linear_probe/quick/seed={seed}" for seed in (0, 1)],
    }


def test_intervals_are_those_of_stats() -> None:
    records = [one("linear_probe", right, seed) for seed, right in enumerate((80, 84, 81))]
    found = row(aggregate([*FLOORS, *records], columns=["accuracy", "nll"]), "linear_probe")

    def matrix(runs: list[Record]) -> np.ndarray:
        return np.stack([unpacked(run.stages[-1].items["test"]["accuracy"]) for run in runs], axis=1)

    scores = {"majority": matrix(FLOORS[:1]), "knn": matrix(FLOORS[1:]), "linear_probe": matrix(records)}
    seeds = {name: [(seed, seed) for seed in range(scores[name].shape[1])] for name in scores}
    expected = intervals(scores, runs=seeds, deterministic=("majority", "knn"))["linear_probe"]
    assert (found["accuracy"]["low"], found["accuracy"]["high"]) == (expected.low, expected.high)
    assert (found["nll"]["low"], found["nll"]["covers"]) == (None, "seeds")  # no item scores, and under five seeds


def test_settings_never_meet_in_one_mean() -> None:
    names = [
        "pacs/pico/knn/quick/seed=0",
        "pacs[protocol=lodo_art]/pico/knn/quick/seed=0",
        "pacs[shots=4]/pico/knn/quick/seed=0",
        "pacs/pico[size=96]/knn/quick/seed=0",
        "pacs/pico/knn[k=1]/quick/seed=0",
        "pacs/pico/knn/quick[epochs=2]/seed=0",
    ]
    table = aggregate([done(name)[0] for name in names])
    assert [r.seeds for r in table.rows] == [1] * 6
    assert {(r.key.dataset, r.key.protocol) for r in table.rows} == {
        ("pacs", "paper"),
        ("pacs", "lodo_art"),
        ("pacs[shots=4]", "paper"),
    }


def test_order_floors_first_then_numbers_by_value() -> None:
    methods = ["vpt", "knn", "cladapter[k=100]", "cladapter[k=20]", "cladapter[k=5]", "majority"]
    table = aggregate([one(method) for method in methods])
    assert [r.key.method for r in table.rows] == [
        "majority",
        "knn",
        "cladapter[k=5]",
        "cladapter[k=20]",
        "cladapter[k=100]",
        "vpt",
    ]


@pytest.mark.parametrize(
    ("right", "warnings"), [(20, ["below majority", "below knn"]), (25, ["below knn"]), (69, ["below knn"]), (70, [])]
)
def test_trivial_baselines(right: int, warnings: list[str]) -> None:
    assert row(aggregate([*FLOORS, one("vpt", right)]), "vpt")["warnings"] == warnings


def test_floors_count_even_when_the_filter_leaves_them_out() -> None:
    assert row(aggregate([*FLOORS, one("vpt", 60)], "vpt"), "vpt")["warnings"] == ["below knn"]


def test_a_floor_with_the_rows_own_recipe_comes_first() -> None:
    records = [
        *FLOORS,
        one("knn", 50, recipe="paper"),
        one("vpt", 60, recipe="paper"),
        one("vpt", 60, recipe="released"),
    ]
    warnings = {r.key.recipe: list(r.warnings) for r in aggregate(records, "vpt").rows}
    assert warnings == {"paper": [], "released": ["below knn"]}


def test_a_floor_below_the_lower_floor_is_marked_and_equal_ones_are_not() -> None:
    table = aggregate([one("majority", 25), one("knn", 20), one("knn[k=1]", 30)])
    assert [list(r.warnings) for r in table.rows] == [[], ["below majority"], []]


def test_missing_floors_are_noted() -> None:
    notes = " ".join(aggregate([one("vpt"), one("majority")]).notes)
    assert "knn not run" in notes
    assert "not run" not in " ".join(aggregate([*FLOORS, one("vpt")]).notes)


def test_stages() -> None:
    records = [*FLOORS, one("cladapter", (60, 80)), one("cladapter", (62, 82), seed=1)]
    last = row(aggregate(records), "cladapter")
    assert (last["stage"], last["accuracy"]["mean"]) == ("stage2", pytest.approx(0.81))
    both = aggregate(records, stages=True)
    assert row(both, "cladapter", "stage1")["accuracy"]["mean"] == pytest.approx(0.61)
    assert row(both, "cladapter", "stage1")["warnings"] == ["below knn"]
    assert row(both, "cladapter", "stage2")["warnings"] == []


def test_flags_are_marked() -> None:
    flags = Flags(
        partial=True,
        differences={"train": "10 of 20"},
        leaks=["patient"],
        overlap="tiny_imagenet",
        batch_norm_frozen=True,
        absent_classes={"test": [3]},
        notes=["reported on the public validation set"],
    )
    found = row(aggregate([*FLOORS, one("vpt", flags=flags), one("vpt", seed=1)]), "vpt")
    assert found["warnings"] == ["partial", "leaks", "overlap", "frozen batch norm", "absent classes", "note"]
    assert found["notes"][0] == "partial: the data differ from the published counts (train: 10 of 20)"
    assert found["notes"][1] == "leaks: the protocol shares patient between its splits"


def test_weights_of_unknown_data_are_not_taken_for_unseen() -> None:
    flags = Flags(overlap="unknown (timm's tag 'fb' does not say)")
    found = row(aggregate([*FLOORS, one("vpt", flags=flags)]), "vpt")
    assert found["warnings"] == ["overlap unknown"]
    assert found["notes"][0].endswith("what the weights were trained on is unknown (timm's tag 'fb' does not say)")
    both = [one("vpt", flags=flags), one("vpt", seed=1, flags=Flags(overlap="ImageNet-1k"))]
    assert row(aggregate([*FLOORS, *both]), "vpt")["warnings"] == ["overlap", "overlap unknown"]


def test_classes_that_cannot_be_learned_are_marked() -> None:
    found = row(aggregate([*FLOORS, one("vpt", flags=Flags(absent_classes={"train": [1, 2]}))]), "vpt")
    assert found["notes"] == ["untrained classes: 2 classes have no training sample, so they cannot be learned"]
    flags = Flags(absent_classes={"train": [1], "test": [1]})
    assert row(aggregate([*FLOORS, one("vpt", flags=flags)]), "vpt")["warnings"] == [
        "untrained classes",
        "absent classes",
    ]


def test_test_selected_runs_have_their_own_row_and_column() -> None:
    flags = Flags(test_selected=True)
    table = aggregate([*FLOORS, one("vpt", 80), one("vpt", 95, seed=1, flags=flags)])
    honest, selected = (r for r in to_json(table) if r["method"] == "vpt")
    assert honest["accuracy"]["mean"] == 0.8
    assert "accuracy_test_selected" not in honest
    assert selected["accuracy"] is None
    assert selected["accuracy_test_selected"]["mean"] == 0.95
    assert selected["warnings"] == ["test-selected"]


def test_a_test_selected_floor_is_no_floor() -> None:
    records = [one("majority", 25), one("knn", 99, flags=Flags(test_selected=True)), one("vpt", 60)]
    assert row(aggregate(records), "vpt")["warnings"] == []


def test_failures() -> None:
    records = [*FLOORS, one("vpt", 80), failed(f"{SETTING}vpt/quick/seed=1"), failed(f"{SETTING}lora/quick/seed=0")]
    table = aggregate(records)
    partly, wholly = row(table, "vpt"), row(table, "lora")
    assert (partly["seeds"], partly["accuracy"]["mean"], partly["warnings"]) == (1, 0.8, ["failed 1/2"])
    assert partly["failures"] == [
        {"cell": f"{SETTING}vpt/quick/seed=1", "kind": "non_finite_loss", "message": "loss is nan in epoch 2"}
    ]
    assert (wholly["seeds"], wholly["accuracy"], wholly["warnings"]) == (0, None, ["failed 1/1"])


def test_staged_runs_and_their_failures_share_rows() -> None:
    records = [one("cladapter", (60, 80)), failed(f"{SETTING}cladapter/quick/seed=1")]
    assert [list(r.warnings) for r in aggregate(records).rows] == [["failed 1/2"]]
    assert [(r.key.stage, list(r.warnings)) for r in aggregate(records, stages=True).rows] == [
        ("stage1", ["failed 1/2"]),
        ("stage2", ["failed 1/2"]),
    ]


def test_an_older_success_whose_repetition_failed_is_stale() -> None:
    name = f"{SETTING}vpt/quick/seed=0"
    found = row(aggregate([*FLOORS, failed(name), done(name)[0]]), "vpt")
    assert found["warnings"] == ["failed 1/1", "stale"]
    assert found["notes"][1] == "stale: its repetition failed"
    assert found["accuracy"]["mean"] == 0.8


def test_stale_and_mixed() -> None:
    new, old = one("vpt", fingerprints={"method": "b"}), one("vpt", seed=1, fingerprints={"method": "a"})
    table = aggregate(
        [*FLOORS, new, old], stale=lambda r: "method changed since" if r.fingerprints.get("method") == "a" else ""
    )
    assert row(table, "vpt")["notes"] == [
        "stale: method changed since",
        "mixed: seeds differ in method; run the suite again",
    ]
    data = [one("vpt", fingerprints={"data": "b"}), one("vpt", seed=1, fingerprints={"data": "a"})]
    assert row(aggregate([*FLOORS, *data]), "vpt")["warnings"] == []  # the data of two data seeds differ


def test_test_set_evaluations_are_counted_over_all_records() -> None:
    records = [*FLOORS, one("cladapter", (60, 80)), one("cladapter", (60, 80), seed=1)]
    first, again = {"method": "a", "data": "1"}, {"method": "b", "data": "1"}
    evaluations = [
        *(Evaluation(record.cell, "stage1", first, "paper", 1, "2026") for record in records),
        Evaluation(records[-1].cell, "stage1", again, "paper", 1, "2027"),  # edited code, run again: the record is gone
        Evaluation("digits/pico/knn/quick/seed=0", "fit", first, "limited", 1, "2026"),
    ]
    notes = aggregate(records, "cladapter", evaluations=evaluations).notes
    counted = "3 configurations (4 with their revisions) were evaluated on the test split, 5 times in all"
    assert f"pacs (paper): {counted}" in notes
    assert not any("digits" in note for note in notes)


def test_undefined_metrics_are_left_out() -> None:
    record = one("vpt")
    stage = record.stages[0].model_copy(update={"metrics": {"test": {"accuracy": 0.5, "auc": None}}})
    table = aggregate([record.model_copy(update={"stages": [stage]})], columns=["accuracy", "auc"])
    assert to_json(table)[0]["auc"] is None


def test_split_val_and_unknown_names() -> None:
    assert to_json(aggregate([one("vpt")], split="val"))[0]["accuracy"] is None
    with pytest.raises(UsageError, match="Did you mean 'accuracy'"):
        aggregate([one("vpt")], columns=["acuracy"])
    with pytest.raises(UsageError, match="No split 'train'"):
        aggregate([one("vpt")], split="train")


def test_a_mean_over_protocols_where_the_card_says_so() -> None:
    """KTH-TIPS2-b's published number is the mean over four splits; three of them give none."""
    names = [f"kth_tips2b[protocol=split{k}]/pico/vpt/quick/seed=0" for k in (1, 2, 3, 4)]
    records = [done(name, right=(right,))[0] for name, right in zip(names, (80, 90, 70, 60), strict=True)]
    mean = next(r for r in aggregate(records).rows if r.key.protocol == "mean of split*")
    assert mean.values["accuracy"].mean == pytest.approx(0.75)
    assert mean.n == 400
    single = aggregate(records[:1]).rows[0].values["accuracy"]
    assert mean.values["accuracy"].low is not None
    assert single.low is not None
    assert mean.values["accuracy"].mean - mean.values["accuracy"].low < single.mean - single.low
    assert not [r for r in aggregate(records[:3]).rows if r.key.protocol.startswith("mean")]
    assert not [
        note for note in aggregate(records).notes if "mean of" in note
    ]  # trivial baselines and looks are a protocol's own


def test_only_what_is_separated_stands_out() -> None:
    from bench.tables import render

    three = [one(name, right, seed=seed) for name, right in (("vpt", 95), ("lora", 60)) for seed in range(3)]
    clear = aggregate([*FLOORS, *three])
    assert "**vpt**" in render(clear, "md")
    assert r"\textbf{vpt}" in render(clear, "latex")
    assert "<strong>vpt</strong>" in render(clear, "html")
    assert "**" not in render(aggregate([*FLOORS, one("vpt", 81), one("lora", 80)]), "md")
    once = aggregate([*FLOORS, one("vpt", 95), one("lora", 60)])
    assert "**" not in render(once, "md")  # one seed tells of these models only
    assert any("of these trained models, not of the methods" in note for note in once.notes)


def test_a_closed_form_fit_on_drawn_images_is_not_deterministic() -> None:
    """Other seeds draw other training images: two such rows are compared over seeds, and none has an interval of one
    degree of freedom."""
    rights = {"knn": (71, 75, 73), "majority": (70, 79, 74)}
    records = [
        done(f"digits[shots=3]/pico/{name}/quick/seed={seed}", right=(right,))[0]
        for name, found in rights.items()
        for seed, right in enumerate(found)
    ]
    block = aggregate(records).compared[0].verdicts
    assert block is not None
    assert block.pair("pico/knn/stage1", "pico/majority/stage1").test == "crossed t"
    two = aggregate([record for record in records if record.seed < 2])
    assert {row.values["accuracy"].covers for row in two.rows} == {"items"}


def test_intervals_count_rows_not_methods() -> None:
    methods, backbones = ("vpt", "lora", "bitfit", "mora", "dora", "l2_sp"), ("pico", "lite0")
    names = [f"digits/{backbone}/{method}/quick/seed=0" for backbone in backbones for method in methods]
    records = [done(name, right=(80,))[0] for name in [*names, "digits/pico/majority/quick/seed=0"]]
    assert [note for note in aggregate(records).notes if note.endswith("(12 rows)")]


def test_unequal_seeds_are_said_with_the_rows() -> None:
    right = {"lora": (70, 71, 72), "vpt": (80, 81), "majority": (20,)}
    records = [
        done(f"digits/pico/{name}/quick/seed={seed}", right=(r,))[0]
        for name, runs in right.items()
        for seed, r in enumerate(runs)
    ]
    (note,) = [note for note in aggregate(records).notes if "unequal seeds" in note]
    assert "(3: lora; 2: vpt)" in note
    assert not any("unequal seeds" in note for note in aggregate(records, "lora").notes)
    assert not any("unequal seeds" in note for note in aggregate([r for r in records if r.seed < 2]).notes)
