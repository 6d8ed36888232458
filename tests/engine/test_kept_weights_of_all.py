"""A saved model of every method predicts what its record says, on every task whose models can be loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import golden_runs
import numpy as np
import pytest
from golden_runs import WORLDS, World

import bench
from bench.cells.cell import Cell
from bench.data.base import rows_of
from bench.data.prepare import prepare
from bench.engine.run import run
from bench.grid.resolve import resolve_all
from bench.records import Store, prediction_key
from bench.records.files import weights_beside
from bench.stats.softmax import softmax

pytestmark = pytest.mark.slow

LOADABLE = [
    pytest.param(world, id=world.name, marks=[pytest.mark.slow] if world.backbone != "tiny_vit" else [])
    for world in WORLDS
]


@pytest.mark.parametrize("world", LOADABLE)
def test_every_methods_model_predicts_its_record(world: World, tmp_path: Path) -> None:
    settings = replace(golden_runs.settings(), results=tmp_path, keep_weights=True)
    names = [name for name in golden_runs.names("baselines") if world in golden_runs.worlds_of(name)]
    assert len(names) > 5
    done = run(resolve_all([Cell.parse(world.cell(name)) for name in names], settings.weights), settings)
    assert not done.failed
    store = Store(tmp_path)
    for record in store.all():
        model = bench.load_model(weights_beside(store.path(record.cell)), settings.weights, "cpu")
        assert settings.data is not None
        prepared = prepare(model.resolved.dataset, settings.data, record.data_seed)
        test = prepared.table.iloc[prepared.rows("test")[:40]]
        given = [model.resolved.dataset.read(sample) for sample in rows_of(prepared.dataset, test, settings.data)]
        arrays, stage = store.predictions(record.cell), record.stages[-1].name
        for row, found in enumerate(model.found(map(model.fresh, given))):
            for name in ("logits", "values", "labels", "boxes", "scores", "classes"):
                if name in found.outputs:
                    kept = arrays[prediction_key("test", name, stage)][row]
                    wanted, seen = (softmax(x[None].astype(float)) for x in (kept, found.outputs[name])) if (
                        name == "logits"
                    ) else (kept, found.outputs[name])  # fmt: skip
                    np.testing.assert_allclose(seen, wanted, atol=2e-6, err_msg=f"{record.cell} {name}")
