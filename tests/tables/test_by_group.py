"""The table that a person reads: one a comparison group, best first, within the columns that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_records import done, failed

import bench
from bench.api.table import make
from bench.records import Store
from bench.tables.by_group import by_group
from bench.tables.titles import Titles

LONG = "digits/pico/{}/tuned[epochs=3,lr=0.01]/seed={}"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    for seed in (0, 1, 2):
        for name, hits in {"majority": 50, "lora[rank=2]": 350, "linear_probe": 352, "bitfit": 200}.items():
            store.put(*done(LONG.format(name, seed), right=(hits,), n=400))
        store.put(*done(LONG.format("staged_finetune", seed), right=(300, 330), n=400))
    store.put(*done(LONG.format("ridge", 0), right=(340,), n=400))
    return store


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_asked_and_no_name_or_number_is_lost(store: Store, width: int) -> None:
    text = by_group(make(store, None), width)
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    for title in (
        "Majority class",
        "LoRA (rank 2)",
        "Linear probe",
        "BitFit",
        "Staged fine-tuning",
        "Ridge regression",
    ):
        assert title.split()[0] in words
    assert words.count("[") >= 6, "each score has its interval"
    assert ("macro_f1" in text) == (width >= 80)


def test_rows_are_sorted_and_say_what_differs_from_the_best(store: Store) -> None:
    table = make(store, None)
    rows = [line for line in by_group(table).splitlines() if re.search(r"\d\.\d \[", line)]
    scores = [float(re.findall(r"(\d+\.\d) \[", row)[0]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    told = {row.split("  ")[0]: row for row in rows}
    assert re.search(r"\] +best", told["Linear probe"])
    assert re.search(r"\] +n\.s\.", told["LoRA (rank 2)"])
    assert re.search(r"\] +-38\.0", told["BitFit"])
    assert re.search(r"\] +\((n\.s\.|-3\.0)\)", told["Ridge regression"]), "one seed: in brackets"


def test_a_constant_is_said_once_in_the_heading(store: Store) -> None:
    text = by_group(make(store, None))
    assert len(re.findall("rate 0.01", text)) == 1
    assert len(re.findall("Pico", text)) == 1
    heading = text.partition("\nmethod")[0]
    assert "Digits, protocol paper" in " ".join(heading.split())
    assert "400 test images" in heading


def test_earlier_stages_are_shown_and_change_no_verdict(store: Store) -> None:
    plain, staged = make(store, None), make(store, None, stages=True)
    assert [compared.verdicts.pairs for compared in plain.compared if compared.verdicts] == [
        compared.verdicts.pairs for compared in staged.compared if compared.verdicts
    ]
    assert {(row.key.method, row.letters) for row in plain.rows} <= {
        (row.key.method, row.letters) for row in staged.rows
    }
    shown = {row.key: row.values["accuracy"] for row in staged.rows}
    assert all(shown[row.key] == row.values["accuracy"] for row in plain.rows), "one row has one interval"
    lines = [line for line in by_group(staged).splitlines() if line.startswith("Staged fine-tuning")]
    assert len(lines) == 2
    assert sum("n.s." in line or re.search(r"-\d", line) is not None for line in lines) == 1


def test_many_groups_have_a_line_each_where_nothing_was_chosen(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for size in (32, 48, 64, 96):
        for name in ("knn", "ridge"):
            store.put(*done(f"digits/pico[size={size}]/{name}/quick/seed=0", right=(80 + size // 32,)))
    everything = make(store, None).text()
    assert len(everything.splitlines()) == 5
    assert "Pico, 48 px" in everything
    assert make(store, "digits").text().count("vs best") == 4


def test_what_failed_is_said(store: Store) -> None:
    store.put_failure(failed(LONG.format("vpt", 0)))
    assert "loss is nan" in " ".join(by_group(make(store, None)).split())


def test_names_and_labels(store: Store) -> None:
    assert "lora[rank=2]" in make(store, None, titles=Titles(canonical=True)).text()
    (store.folder / "labels.toml").write_text('lora = "Ours"\n')
    assert "Ours (rank 2)" in make(store, None).text()


def test_methods_at_their_own_rates_are_compared_and_two_rates_of_one_method_are_not(tmp_path: Path) -> None:
    store, name = Store(tmp_path), "digits/pico/{}/tuned[epochs=3,lr={}]/seed={}"
    for seed in (0, 1, 2):
        store.put(*done(name.format("lora", 0.01, seed), right=(350,), n=400))
        store.put(*done(name.format("linear_probe", 0.1, seed), right=(300,), n=400))
    [block] = make(store, None).compared
    assert {key.method for key in block.keys} == {"lora", "linear_probe"}
    assert "own learning rate" in " ".join(by_group(make(store, None)).split())
    assert bench.compare("lora", "linear_probe", results=tmp_path).pair.different
    store.put(*done(name.format("lora", 0.001, 0), right=(340,), n=400))
    assert len(make(store, None).compared) == 3
