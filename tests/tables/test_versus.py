"""`bench compare`: the pair that the table judges, and refusals that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_results import fill, finished, grid

import bench
from bench.core.errors import UsageError
from bench.records import Store
from bench.tables import aggregate
from bench.tables.versus import Versus, versus


@pytest.fixture
def store(tmp_path: Path) -> Store:
    fill(tmp_path, grid(methods=["knn", "linear_probe", "cladapter", "lora"]))
    return Store(tmp_path)


def found(store: Store, a: str, b: str, split: str = "test") -> Versus:
    return versus(store, [record.slim() for record in store.all()], a, b, split)


def test_the_pair_is_the_tables(store: Store) -> None:
    verdicts = aggregate([record.slim() for record in store.all()]).compared[0].verdicts
    assert verdicts is not None
    in_table, alone = verdicts.pair("pico/cladapter/stage1", "pico/lora/stage1"), found(store, "cladapter", "lora")
    for field in ("difference", "low", "high", "p", "adjusted", "verdict", "scope", "test"):
        assert getattr(alone.pair, field) == getattr(in_table, field), field
    assert alone.rows == 4


def test_any_metric_of_the_task_may_be_asked_for(store: Store) -> None:
    text = str(bench.compare("cladapter", "lora", results=store, metric="nll"))
    assert text.startswith("nll on digits")
    records = [record.slim() for record in store.all()]
    one = versus(store, records, "cladapter", "lora", metric="nll")
    runs = [[r.stages[-1].metrics["test"]["nll"] for r in records if f"/{m}/" in r.cell] for m in ("cladapter", "lora")]
    assert one.pair.means == pytest.approx([sum(run) / len(run) for run in runs])
    with pytest.raises(UsageError, match=r"classification has no metric 'aucc'. Did you mean 'auc'"):
        versus(store, records, "cladapter", "lora", metric="aucc")


def test_parts_and_items_add_up(store: Store) -> None:
    one = found(store, "cladapter", "lora")
    assert sum(part.items for part in one.parts["class"]) == 140
    whole = sum(part.items * (part.a - part.b) for part in one.parts["class"]) / 140
    assert whole == pytest.approx(one.pair.difference)
    assert len(one.items) == 10 <= one.disagreements
    assert all(a != b for _, a, b in one.items)


def test_the_page_says_what_it_rests_on(store: Store) -> None:
    text = str(bench.compare("cladapter", "lora", results=store))
    assert "Holm over 6 pairs" in text
    assert "found in four of five such comparisons" in text
    assert "between seeds" in text


def test_a_row_is_named_by_what_the_message_lists(store: Store) -> None:
    fill(store.folder, grid(methods=["knn"], recipe="paper"))
    with pytest.raises(UsageError, match=r"names 2 finished rows\. Say which: 'knn paper', 'knn quick'"):
        found(store, "*/*/knn", "lora")
    assert found(store, "knn quick", "lora").a.recipe == "quick"


def test_rows_of_two_protocols_are_told_apart(store: Store) -> None:
    """A default protocol is not part of a cell's name."""
    for cell in grid("digits[protocol=other]", methods=["knn"]):
        record, arrays = finished(cell)
        store.put(record.model_copy(update={"protocol": "other"}), arrays)
    with pytest.raises(UsageError, match=r"'knn digits\[protocol=limited\]', 'knn digits\[protocol=other\]'"):
        found(store, "*/*/knn", "lora")
    assert found(store, "knn digits[protocol=limited]", "lora").a.protocol == "limited"


def test_a_recipes_worth_is_asked_for_by_name(store: Store) -> None:
    """One method under two recipes, as a pair alone: other rows of their blocks have no say."""
    fill(store.folder, grid(methods=["lora", "knn"], recipe="paper"))
    records = [record.slim() for record in store.all()]
    with pytest.raises(UsageError, match="--across-recipes"):
        versus(store, records, "*/*/lora/paper", "*/*/lora/quick")
    one = versus(store, records, "*/*/lora/paper", "*/*/lora/quick", across_recipes=True)
    assert one.rows == 2
    assert one.pair.adjusted == one.pair.p
    means = [
        sum(record.metrics["test"]["accuracy"] for record in runs) / len(runs)
        for runs in ([r for r in records if f"lora/{recipe}" in r.cell] for recipe in ("paper", "quick"))
    ]
    assert one.pair.means == pytest.approx(means)
    text = str(bench.compare("*/*/lora/paper", "*/*/lora/quick", results=store, across_recipes=True))
    assert "lora on pico, paper" in text
    assert "lora on pico, quick" in text


def test_other_recipes_and_shut_splits_are_refused(store: Store) -> None:
    fill(store.folder, grid(methods=["bitfit"], recipe="paper"))
    with pytest.raises(UsageError, match=r"differ in recipe \(paper / quick\)"):
        found(store, "bitfit", "lora")
    told = aggregate([record.slim() for record in store.all()], split="val").notes
    assert not any("not run, so" in note for note in told)  # nothing is said of mdes where there are no numbers
    with pytest.raises(UsageError, match="the val split was not opened"):
        found(store, "cladapter", "lora", "val")


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1", "ece"])
def test_a_metric_without_values_of_items_gives_none_of_classes(store: Store, metric: str) -> None:
    """Jackknife values of a class are no class's metric."""
    both = versus(store, list(store.all()), "cladapter", "lora", metric=metric)
    assert (both.parts, both.items) == ({}, [])
    told = str(bench.compare("cladapter", "lora", results=store, metric=metric))
    assert f"{metric} has no value for a single item" in told
    assert "by class (mean scores)" not in told


def test_where_a_row_has_more_seeds_the_means_are_said_to_be_over_the_shared_ones(tmp_path: Path) -> None:
    fill(tmp_path, [*grid(methods=["lora"], seeds=4), *grid(methods=["vpt"], seeds=2)])
    store = Store(tmp_path)
    both = versus(store, list(store.all()), "lora", "vpt")
    assert (both.seeds, both.pair.seeds) == ((4, 2), 2)
    told = str(bench.compare("lora", "vpt", results=store))
    assert "over the 2 seeds that both have; in all, A has 4 and B has 2" in told
    own = {r.cell: r.stages[-1].metrics["test"]["accuracy"] or 0.0 for r in store.all()}
    means = [sum(own[f"digits/pico/{name}/quick/seed={seed}"] for seed in (0, 1)) / 2 for name in ("lora", "vpt")]
    assert both.pair.means == pytest.approx(means)
    assert both.pair.difference == pytest.approx(means[0] - means[1])
