"""Features kept with predictions: those before and after a method, which change no number and reproduce."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import UsageError
from bench.engine.reproduce import reproduce
from bench.engine.settings import Settings
from bench.plots.draw import Request, draw
from bench.records import Store
from tests.engine.conftest import RunCells

pytestmark = pytest.mark.slow

METHODS = ["linear_probe", "full_finetune", "cladapter[k=2]", "knn"]


def test_they_are_kept_before_and_after_each_stage(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path / "kept", METHODS, keep_features=True)
    run_cells(tmp_path / "plain", METHODS)
    kept, plain = Store(tmp_path / "kept"), Store(tmp_path / "plain")
    before = []
    for record in plain.all():
        arrays, others = kept.predictions(record.cell), plain.predictions(record.cell)
        places = ("backbone", *(stage.name for stage in record.stages if stage.epochs))
        extra = {f"{place}/{split}/features" for place in places for split in ("train", "test")}
        assert arrays.keys() - others.keys() == {*extra, "train/ids", "train/targets"}
        assert all(np.array_equal(arrays[name], others[name]) for name in others)
        for name in extra:
            count = len(arrays[f"{name.split('/')[1]}/ids"])
            assert (len(arrays[name]), arrays[name].ndim, str(arrays[name].dtype)) == (count, 2, "float16")
        before.append(arrays["backbone/test/features"])
    assert len(before) == len(METHODS)
    assert all(np.array_equal(before[0], other) for other in before)


def test_an_up_to_date_cell_runs_again_for_them(run_cells: RunCells, tmp_path: Path) -> None:
    ran = [run_cells(tmp_path, ["knn"], keep_features=wanted).ran for wanted in (False, True, True)]
    assert ran == [1, 1, 0]


def test_a_probe_reads_the_backbone_and_training_moves_it(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe", "full_finetune"], keep_features=True)
    records = {record.method.name: Store(tmp_path).predictions(record.cell) for record in Store(tmp_path).all()}
    probe, tuned = records["linear_probe"], records["full_finetune"]
    assert np.allclose(probe["stage1/test/features"], probe["backbone/test/features"], atol=1e-2)
    assert not np.allclose(tuned["stage1/test/features"], tuned["backbone/test/features"], atol=1e-2)


def test_the_picture_is_drawn_and_the_record_reproduces(run_cells: RunCells, weights: Path, tmp_path: Path) -> None:
    run_cells(tmp_path, ["cladapter[k=2,tuning=frozen]"], keep_features=True)
    (record,) = Store(tmp_path).all()
    chart = draw("embedding", Request(Store(tmp_path)))
    assert len({point["panel"] for point in chart.points}) == 1 + len(record.stages)
    found = reproduce(Store(tmp_path).path(record.cell), Settings(weights=weights, quiet=True, device="cpu"))
    assert found.verdict == "equal"


def test_without_them_the_picture_says_how_to_keep_them(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe"])
    with pytest.raises(UsageError, match="--keep-features"):
        draw("embedding", Request(Store(tmp_path)))
