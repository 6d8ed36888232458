"""Methods over data sets: ranks and tests as scikit-posthocs has them, and what may not be ranked together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scikit_posthocs
from made_records import done
from scipy.stats import friedmanchisquare, wilcoxon

import bench
from bench.core.errors import UsageError
from bench.records import Store
from bench.stats import StatisticsError
from bench.stats.ranking import rank

DATASETS = ("pacs", "digits", "breakhis", "kth_tips2b", "plant_pathology_2020", "tiny_imagenet")


def scores(seed: int = 0, sets: int = 8, methods: int = 5) -> np.ndarray:
    drawn = np.random.default_rng(seed).random((sets, methods)) + np.linspace(0.6, 0, methods)
    return drawn


@pytest.mark.parametrize("seed", range(4))
def test_friedman_and_nemenyi_are_those_of_other_libraries(seed: int) -> None:
    found = rank(scores(seed))
    assert found.friedman == pytest.approx(friedmanchisquare(*scores(seed).T).pvalue)
    theirs = scikit_posthocs.posthoc_nemenyi_friedman(-scores(seed)).to_numpy()
    assert ((theirs < 0.05) == found.apart).all()


@pytest.mark.parametrize("seed", range(4))
def test_wilcoxon_with_holm_is_scipys(seed: int) -> None:
    values = scores(seed, sets=12, methods=3)
    pairs = [(0, 1), (0, 2), (1, 2)]
    plain = [wilcoxon(values[:, a], values[:, b], method="exact").pvalue for a, b in pairs]
    order = np.argsort(plain)
    adjusted = np.minimum(np.maximum.accumulate(np.array(plain)[order] * [3, 2, 1]), 1)
    for place, expected in zip(order, adjusted, strict=True):
        assert rank(values).wilcoxon[pairs[place]] == pytest.approx(expected)


def test_bars_join_what_is_not_told_apart() -> None:
    values = np.tile([0.9, 0.8, 0.7, 0.2], (12, 1))
    found = rank(values)
    assert found.mean.tolist() == [1, 2, 3, 4]
    assert found.cliques == [[0, 1], [1, 2], [2, 3]]
    assert found.enough
    assert not rank(values[:3]).enough
    with pytest.raises(StatisticsError):
        rank(values[:1])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    for number, dataset in enumerate(DATASETS):
        for method, hits in {"lora": 80, "linear_probe": 70 - number, "knn": 60, "majority": 20}.items():
            store.put(*done(f"{dataset}/pico/{method}/quick/seed=0", right=(hits,)))
    store.put(*done("pacs/pico/ridge/quick/seed=0"))
    return store


def test_the_command_ranks_what_all_data_sets_have(store: Store) -> None:
    found = bench.rank(results=store.folder)
    facts = json.loads(found.text("json"))
    assert [one["name"] for one in facts["methods"]] == ["lora", "linear_probe", "knn", "majority"]
    assert [one["mean_rank"] for one in facts["methods"]] == [1, 2, 3, 4]
    assert (facts["methods"][0]["wins"], facts["methods"][-1]["losses"]) == (18, 18)
    assert facts["left_out"] == ["ridge"]
    assert len(facts["datasets"]) == len(DATASETS)
    text = found.text()
    assert max(map(len, text.splitlines())) <= 100
    assert "Ridge regression" in text
    assert found.text("csv").count("\n") == 4
    assert found.text("md").count("|\n") == 6


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("pacs[fraction=0.5]/pico/lora/quick/seed=0", "counts once"),
        ("digits/lite0/lora/quick/seed=0", "backbones"),
        ("food/pico/lora/quick[epochs=9]/seed=0", "recipes"),
    ],
)
def test_mixtures_are_refused(store: Store, cell: str, words: str) -> None:
    store.put(*done(cell))
    with pytest.raises(UsageError, match=words):
        bench.rank(results=store.folder)
    other = "~recipe=quick[epochs=9]" if "epochs" in cell else "~dataset=pacs[fraction=0.5]" if "pacs" in cell else ""
    if other:
        assert len(bench.rank(other, results=store.folder).groups) == len(DATASETS)
