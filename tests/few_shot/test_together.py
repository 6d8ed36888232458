"""Shots, seeds, methods and learning rates in one run: the same bits as one cell at a time, and no class order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from compared import assert_same_results
from made_features import NAMES, WIDTH, feature_files, turned

from bench.core.environment import determinism
from bench.engine.run import carry_out
from bench.engine.settings import Settings
from bench.records import Store, prediction_key

TRAINED = ("tip_adapter_f", "clip_adapter", "taskres", "text_probe", "clap", "lathadapter")
METHODS = ("zero_shot", "tip_adapter[alphas=3,betas=4]", *TRAINED)


def run(root: Path, results: str, cells: list[str], **fields: object) -> Path:
    settings = Settings(results=root / results, data=root, device="cpu", quiet=True, **fields)
    with determinism():
        assert not carry_out(cells, settings).failed
    return settings.results


def cells(dataset: str, recipe: str, methods: tuple[str, ...] = METHODS, seeds: int = 2) -> list[str]:
    return [
        f"clip_features[subset=things,{dataset}]/cached[size={WIDTH}]/{method}/{recipe}/seed={seed}"
        for method in methods
        for seed in range(seeds)
    ]


def test_all_cells_at_once_are_equal_to_one_by_one(tmp_path: Path) -> None:
    feature_files(tmp_path)
    recipe = "few_shot[epochs=2,lr_grid=[0.001,0.01]]"
    names = [name for shots in (1, 2) for name in cells(f"shots={shots},val_shots=1", recipe)]
    together = run(tmp_path, "together", names)
    alone = run(tmp_path, "alone", names, fuse=False)
    assert assert_same_results(together, alone) == len(names) == 32


@pytest.mark.parametrize("method", ["zero_shot", "tip_adapter", "tip_adapter_f", "taskres", "clap", "lathadapter"])
def test_a_file_with_its_classes_in_another_order_gives_the_same_predictions(method: str, tmp_path: Path) -> None:
    found = {}
    for place, names, changed in (("plain", NAMES, {}), ("turned", NAMES[::-1], turned())):
        root = feature_files(tmp_path / place, names=names, **changed)
        store = Store(run(root, "runs", cells("protocol=listed_2", "quick[epochs=2]", (method,), seeds=1)))
        (record,) = store.all()
        arrays = store.predictions(record.cell)
        found[place] = arrays[prediction_key("test", "logits", record.stages[-1].name)]
    np.testing.assert_allclose(found["turned"][:, ::-1], found["plain"], rtol=2e-4, atol=2e-4)
