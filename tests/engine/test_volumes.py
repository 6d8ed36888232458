"""Volumes through the whole engine: the same digits fused or alone, interrupted, and augmented by torchio."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path

import pytest
from compared import assert_same_results

from bench.conformance.tiny import DEPTH, tiny_volumes
from bench.core.errors import UsageError
from bench.engine.run import Done
from bench.records import Store
from tests.engine.conftest import RunCells
from tests.engine.test_interruption import in_child, status_of

pytestmark = pytest.mark.slow

SEVERAL = [
    "majority", "knn", "geometry", "linear_probe", "cladapter[k=2,tuning=frozen,dropout=0.3]", "cladapter[k=3]",
    "full_finetune",
]  # fmt: skip
SLICES = f"tiny_vit[lift=slices,depth={DEPTH}]"
INFLATED = f"tiny_batch_norm_cnn[lift=inflate,depth={DEPTH},depth_stride=2]"


@pytest.fixture
def run_volumes(run_cells: RunCells, tmp_path: Path) -> RunCells:
    """`run_cells` on tiny NIfTI files."""
    (tmp_path / "data").mkdir()
    return partial(run_cells, dataset=tiny_volumes(tmp_path / "data"), data=tmp_path / "data")


@pytest.mark.parametrize(
    ("backbone", "recipe"),
    [
        (SLICES, "quick[epochs=2,augment=torchio]"),
        (INFLATED, "quick[epochs=2,augment=torchio,views=2]"),
        (INFLATED, "quick[epochs=2,augment=released]"),
    ],
)
def test_fused_equals_alone(backbone: str, recipe: str, run_volumes: RunCells, tmp_path: Path) -> None:
    done: Done = run_volumes(tmp_path / "fused", SEVERAL, recipe, backbone)
    assert done.failed == {}
    run_volumes(tmp_path / "alone", SEVERAL, recipe, backbone, fuse=False)
    assert assert_same_results(tmp_path / "fused", tmp_path / "alone") == len(SEVERAL)


@pytest.mark.parametrize("recipe", ["quick[epochs=3,augment=torchio]", "quick[epochs=3,augment=torchio,views=2]"])
@pytest.mark.parametrize("point", ["checkpoint-placed:2", "checkpoint-placed:4", "disk_cache-writing:3"])
def test_an_interrupted_run_draws_the_same_volumes(
    recipe: str, point: str, run_volumes: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = ["linear_probe", "full_finetune"]
    for place, fault in (("whole", ""), ("continued", f"kill:{point}")):
        monkeypatch.setenv("BENCH_CACHE", str(tmp_path / f"cache-{place}"))
        if fault:
            monkeypatch.setenv("BENCH_FAULT", fault)
            killed = in_child(lambda: run_volumes(tmp_path / "continued", methods, recipe, SLICES))
            assert status_of(killed) == -signal.SIGKILL
            monkeypatch.delenv("BENCH_FAULT")
        run_volumes(tmp_path / place, methods, recipe, SLICES)
    assert assert_same_results(tmp_path / "whole", tmp_path / "continued") == len(methods)


def test_torchios_volumes_are_other_ones_each_epoch_and_seed(run_volumes: RunCells, tmp_path: Path) -> None:
    """Against training on the volumes as they are, on the same order."""
    losses = []
    for number, recipe in enumerate(("quick[epochs=2]", "quick[epochs=2,augment=torchio]")):
        run_volumes(tmp_path / str(number), ["linear_probe"], recipe, SLICES)
        (record,) = Store(tmp_path / str(number)).all()
        losses.append(record.stages[0].curves["train_loss"])
        assert record.environment["torchio"].startswith("1.")
    assert losses[0] != losses[1]


def test_what_geometry_costs_is_its_own_numbers_alone(run_volumes: RunCells, tmp_path: Path) -> None:
    run_volumes(tmp_path / "runs", ["geometry", "knn"], "quick", SLICES)
    records = {record.method.name: record for record in Store(tmp_path / "runs").all()}
    geometry, knn = records["geometry"], records["knn"]
    assert (geometry.trivial_baseline, knn.trivial_baseline) == (3, 2)
    assert geometry.parameters.total == geometry.parameters.trainable == 3 * (4 + 1)
    assert (geometry.macs.backbone, knn.parameters.total > 10_000) == (0, True)
    assert geometry.diagnostics["fit"]["by"] == "validation"


@pytest.mark.parametrize(
    ("method", "recipe", "message"),
    [
        ("geometry", "quick", "geometry measures volumes; tiny_vit takes images"),
        ("linear_probe", "quick[augment=torchio]", "augment=torchio is for volumes"),
    ],
)
def test_what_is_for_volumes_is_refused_on_images(
    method: str, recipe: str, message: str, run_cells: RunCells, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        run_cells(tmp_path / "runs", [method], recipe)
    assert not (tmp_path / "runs").exists()
