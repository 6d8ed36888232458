"""Batch norm of a backbone that trains: with the statistics of each batch, or with those it was pre-trained with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from bench.engine.run import Done
from bench.records import Store

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def test_frozen_statistics_stay_and_all_else_trains(run_cells: Callable[..., Done], tmp_path: Path) -> None:
    """The same cell with either: one kept model has the pre-trained statistics, the other has moved them."""
    kept = {}
    for kind in ("train", "frozen"):
        recipe = "quick[epochs=1]" if kind == "train" else "quick[epochs=1,batch_norm=frozen]"
        done = run_cells(tmp_path / kind, ["full_finetune"], recipe, backbone="tiny_batch_norm_cnn", keep_weights=True)
        [cell] = done.cells
        kept[kind] = load_file(Store(tmp_path / kind).path(cell).with_suffix(".safetensors"))
    moved, held = kept["train"], kept["frozen"]
    statistics = [name for name in moved if name.endswith(STATISTICS[:2])]
    assert statistics
    assert all(not torch.equal(moved[name], held.get(name, moved[name] + 1)) for name in statistics)
    before = [value for name, value in held.items() if name.endswith("num_batches_tracked")]
    assert before
    assert all(int(value) == 0 for value in before)
    assert any(not torch.equal(moved[name], held[name]) for name in held if name.endswith("weight"))
