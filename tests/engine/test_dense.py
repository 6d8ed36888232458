"""Dense tasks through the whole engine: every kind of method, the same bits again and after a kill, other heads."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from compared import assert_same_results

from bench.cells.cell import Cell
from bench.core.errors import UsageError
from bench.engine.run import Done, run
from bench.engine.settings import Settings
from bench.grid.resolve import resolve_all
from bench.records import Store
from bench.records.schema import prediction_key
from bench.tables import aggregate
from bench.tables.metrics import known_trivial_baselines
from bench.tasks.segmentation import Segmentation
from tests.engine.test_interruption import in_child, status_of

pytestmark = pytest.mark.slow

TASKS = {"digits_scene": "segmentation", "digits_boxes": "detection", "digits_instances": "instances"}
RunDense = Callable[..., Done]


@pytest.fixture
def run_dense(weights: Path) -> RunDense:
    """run_dense(results, dataset, methods, ...) -> Done: a few scenes, one epoch."""

    def go(results: Path, dataset: str, methods: list[str], recipe: str = "", backbone: str = "tiny_vit") -> Done:
        small = "protocol=tiny"
        fields = ",".join(filter(None, ["epochs=1,batch_size=4", recipe]))
        names = [f"{dataset}[{small}]/{backbone}/{method}/quick[{fields}]/seed=0,data_seed=0" for method in methods]
        settings = Settings(results=results, weights=weights, quiet=True, device="cpu")
        return run(resolve_all((Cell.parse(name) for name in names), weights), settings)

    return go


def test_every_kind_of_method_learns_maps(run_dense: RunDense, tmp_path: Path) -> None:
    methods = [
        "majority_pixel", "linear_probe", "bitfit", "lora", "adaptformer", "vpt", "cladapter[k=2]", "full_finetune",
        "vfm_adapter", "mona", "lorand", "adapter", "convpass", "fact", "repadapter", "bi_adaptformer", "compacter",
        "arc", "lst", "dtl[plus=true]",
    ]  # fmt: skip
    done = run_dense(tmp_path, "digits_scene", methods)
    assert not done.failed
    records = list(Store(tmp_path).all())
    assert len(records) == len(methods)
    for record in records:
        arrays, stage = Store(tmp_path).predictions(record.cell), record.stages[-1].name
        outputs = {name: arrays[prediction_key("test", name, stage)] for name in ("counts", "labels")}
        targets = arrays[prediction_key("test", "targets")]
        assert targets.dtype == outputs["labels"].dtype == np.uint8
        assert Segmentation().evaluate(targets, outputs) == pytest.approx(record.metrics["test"], nan_ok=True)
    assert aggregate(records).rows
    assert known_trivial_baselines("segmentation") == ("majority_pixel",)


@pytest.mark.parametrize("dataset", ["digits_boxes", "digits_instances"])
def test_detectors_run_on_frozen_and_trained_backbones(run_dense: RunDense, tmp_path: Path, dataset: str) -> None:
    pytest.importorskip("faster_coco_eval")
    done = run_dense(tmp_path, dataset, ["typical_objects", "linear_probe", "bitfit"], backbone="tiny_cnn")
    assert not done.failed
    for record in list(Store(tmp_path).all()):
        assert 0 <= record.metrics["test"]["ap"] <= record.metrics["test"]["ap50"] <= 1
        assert record.task == TASKS[dataset]
    assert known_trivial_baselines(TASKS[dataset]) == ("typical_objects",)


@pytest.mark.parametrize("dataset", ["digits_scene", "digits_boxes"])
def test_the_same_bits_again_and_after_a_kill(
    dataset: str, run_dense: RunDense, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faster_coco_eval")
    methods, recipe = ["linear_probe", "vfm_adapter"], "epochs=2,augment=released"
    fields = recipe.replace("epochs=2,", "")
    whole, again, killed = (tmp_path / name for name in ("whole", "again", "killed"))
    run_dense(whole, dataset, methods, fields)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    run_dense(again, dataset, methods, fields)
    assert assert_same_results(again, whole) == len(methods)
    monkeypatch.setenv("BENCH_FAULT", "kill:outputs-writing")
    assert status_of(in_child(lambda: run_dense(killed, dataset, methods, fields))) == -signal.SIGKILL
    monkeypatch.delenv("BENCH_FAULT")
    run_dense(killed, dataset, methods, fields)
    assert assert_same_results(killed, whole) == len(methods)
    assert os.environ.get("BENCH_FAULT") is None


def test_views_move_their_maps(run_dense: RunDense, tmp_path: Path) -> None:
    done = run_dense(tmp_path, "digits_scene", ["linear_probe", "bitfit"], "augment=released,views=1")
    assert not done.failed


def test_the_other_head_is_another_cell(run_dense: RunDense, tmp_path: Path) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    run_dense(tmp_path, "digits_scene", ["linear_probe"])
    done = run_dense(tmp_path, "digits_scene", ["linear_probe"], "head=segformer")
    assert done.ran == 1
    sizes = {record.recipe.params["head"]: record.parameters.trainable for record in list(Store(tmp_path).all())}
    assert sizes["segformer"] > 10 * sizes[""]


def test_what_does_not_fit_is_said_before_anything_runs(run_dense: RunDense, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="majority_pixel needs a segmentation task"):
        run_dense(tmp_path, "digits_boxes", ["majority_pixel"])
    with pytest.raises(UsageError, match="knn needs one class a sample"):
        run_dense(tmp_path, "digits_scene", ["knn"])
    with pytest.raises(UsageError, match="no head 'segformr'"):
        run_dense(tmp_path, "digits_scene", ["linear_probe"], "head=segformr")
