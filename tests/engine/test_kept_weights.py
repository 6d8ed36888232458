"""Kept weights: a model that is built again says what it said when its record was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from made_volumes import participants
from photographs import photographs
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import bench
from bench.backbones.local import metadata
from bench.baselines.cladapter import CLAdapterHead
from bench.conformance.tiny import tiny_volumes, tiny_weights
from bench.core.errors import DataError, UsageError
from bench.data.base import rows_of
from bench.data.prepare import prepare
from bench.records import Record, Store, prediction_key
from bench.records.files import weights_beside
from bench.stats.softmax import softmax
from bench.training.context import EVAL_BATCH
from tests.engine.conftest import RunCells

METHODS = [
    "knn",
    "logistic",
    "linear_probe",
    "cladapter[k=2]",
    "full_finetune",
    "lora",
    "vera",
    "randlora",
    "fourierft",
]


def probabilities(store: Store, record: Record) -> np.ndarray:
    """Of the record's test samples, as its predictions tell."""
    logits = store.predictions(record.cell)[prediction_key("test", "logits", record.stages[-1].name)].astype(float)
    return softmax(logits)


def test_every_kind_of_method_predicts_as_its_record_says(run_cells: RunCells, weights: Path, tmp_path: Path) -> None:
    run_cells(tmp_path, METHODS, keep_weights=True)
    store = Store(tmp_path)
    records = list(store.all())
    assert len(records) == len(METHODS)
    for record in records:
        model = bench.load_model(weights_beside(store.path(record.cell)), weights, "cpu")
        prepared = prepare(model.resolved.dataset, tmp_path, record.data_seed)
        test = prepared.table.iloc[prepared.rows("test")[:30]]
        given = [model.resolved.dataset.read(sample) for sample in rows_of(prepared.dataset, test, tmp_path)]
        np.testing.assert_allclose(model(given), probabilities(store, record)[:30], atol=2e-6, err_msg=record.cell)
        assert not model.changed


def test_under_bf16_a_model_hands_its_head_what_training_did(
    run_cells: RunCells, weights: Path, tmp_path: Path
) -> None:
    """Features of a frozen backbone in float32; those of one that trained as they come, here in bfloat16."""
    methods = ["linear_probe", "full_finetune", "lora", "cladapter[k=2]"]
    run_cells(tmp_path, methods, "quick[epochs=1,precision=bf16]", "tiny_batch_norm_cnn", keep_weights=True)
    store = Store(tmp_path)
    for record in store.all():
        model = bench.load_model(weights_beside(store.path(record.cell)), weights, "cpu")
        prepared = prepare(model.resolved.dataset, tmp_path, record.data_seed)
        test = prepared.table.iloc[prepared.rows("test")[:EVAL_BATCH]]
        given = [model.resolved.dataset.read(sample) for sample in rows_of(prepared.dataset, test, tmp_path)]
        expected = probabilities(store, record)[:EVAL_BATCH]
        np.testing.assert_allclose(model(given), expected, rtol=1e-12, err_msg=record.cell)  # bfloat16 has 1e-2


def test_a_method_that_measures_predicts_by_its_measurements(weights: Path, tmp_path: Path) -> None:
    cell = f"{tiny_volumes(tmp_path)}/tiny_vit[lift=slices,depth=8]/geometry/quick/seed=0"
    bench.run(cell, results=tmp_path / "runs", data=tmp_path, weights=weights, quiet=True, keep_weights=True)
    store = Store(tmp_path / "runs")
    (record,) = store.all()
    model = bench.load_model(weights_beside(store.path(record.cell)), weights, "cpu")
    files = [tmp_path / "volumes" / name for name in store.predictions(record.cell)["test/ids"]]
    np.testing.assert_allclose(model(files), probabilities(store, record), atol=1e-6)


def test_an_up_to_date_cell_runs_again_to_keep_what_it_has_not(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe"])
    (before,) = Store(tmp_path).all()
    assert run_cells(tmp_path, ["linear_probe"], keep_weights=True).ran == 1
    (after,) = Store(tmp_path).all()
    assert after.predictions == before.predictions
    assert run_cells(tmp_path, ["linear_probe"], keep_weights=True).ran == 0
    weights_beside(Store(tmp_path).path(after.cell)).write_bytes(b"something else")
    assert run_cells(tmp_path, ["linear_probe"], keep_weights=True).ran == 1


def test_photographs_are_read_as_in_training(weights: Path, tmp_path: Path) -> None:
    photographs(tmp_path / "data" / "places", 10, 0)
    cell = "image_folder[path=places]/tiny_vit/linear_probe/quick[epochs=1]/seed=0"
    bench.run(cell, results=tmp_path / "runs", data=tmp_path / "data", weights=weights, quiet=True, keep_weights=True)
    store = Store(tmp_path / "runs")
    (record,) = store.all()
    model = bench.load_model(weights_beside(store.path(record.cell)), weights, "cpu")
    assert model.classes == ("flower", "pagoda", "sky", "trees", "water")
    files = [tmp_path / "data" / "places" / name for name in store.predictions(record.cell)["test/ids"]]
    found = model(files)
    np.testing.assert_allclose(found, probabilities(store, record), atol=2e-6)
    np.testing.assert_allclose(model(str(files[0])), found[:1], atol=2e-6)
    with Image.open(files[1]) as image:
        np.testing.assert_allclose(model([image, np.asarray(image)]), np.repeat(found[1:2], 2, 0), atol=2e-6)
    with pytest.raises(DataError, match="trained on"):
        model(np.zeros((5, 40, 40), np.uint8))
    with pytest.raises(UsageError, match="Cannot read a float"):
        model(3.0)


def test_volumes_are_read_onto_the_training_grid(weights: Path, tmp_path: Path) -> None:
    participants(tmp_path, 20)
    cell = (
        'nifti_folder[path="brains/participants.tsv",protocol=grouped,shape=[6,12,12]]/'
        "tiny_vit[lift=slices,depth=6]/ridge/quick/seed=0"
    )
    bench.run(cell, results=tmp_path / "runs", data=tmp_path, weights=weights, quiet=True, keep_weights=True)
    store = Store(tmp_path / "runs")
    (record,) = store.all()
    model = bench.load_model(weights_beside(store.path(record.cell)), weights, "cpu")
    files = [tmp_path / "brains" / name for name in store.predictions(record.cell)["test/ids"]]
    np.testing.assert_allclose(model(files), probabilities(store, record), atol=2e-6)


def test_a_staged_head_exports_to_the_released_naming_and_back(
    run_cells: RunCells, weights: Path, tmp_path: Path
) -> None:
    run_cells(tmp_path, ["cladapter[k=2]"], keep_weights=True)
    (record,) = Store(tmp_path).all()
    model = bench.load_model(weights_beside(Store(tmp_path).path(record.cell)), weights, "cpu")
    head = model.model.head
    assert isinstance(head, CLAdapterHead)
    again = CLAdapterHead.from_reference(model.resolved.method.export(head)).eval()
    features = model.backbone(model.backbone.blank(2) + torch.rand(2, 1, 1, 1))
    torch.testing.assert_close(again(features), head(features), rtol=0, atol=0)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    cell = "digits[shots=5]/tiny_vit/linear_probe/quick[epochs=1]/seed=0"
    bench.run(cell, results=folder, weights=weights, quiet=True, keep_weights=True)
    (record,) = Store(folder).all()
    return weights_beside(Store(folder).path(record.cell))


def altered(kept: Path, place: Path, old: str, new: str) -> Path:
    """A copy with other metadata."""
    with safe_open(str(kept), "pt") as file:
        said = dict(file.metadata())
    assert old in said["adaptbench"]
    save_file(load_file(kept), place, {"adaptbench": said["adaptbench"].replace(old, new)})
    return place


def test_it_does_not_load_onto_other_weights_of_the_same_name(kept: Path, tmp_path: Path) -> None:
    file = tmp_path / f"{tiny_weights(tmp_path, 'vit')}.safetensors"
    said, tensors = metadata(file), load_file(file)
    save_file({name: 2 * value for name, value in tensors.items()}, file, said)
    with pytest.raises(UsageError, match="belongs to the weights sha256:"):
        bench.load_model(kept, tmp_path, "cpu")


def test_what_is_no_kept_model_is_told(kept: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--keep-weights"):
        bench.load_model(tmp_path / "none.safetensors", weights)
    with pytest.raises(UsageError, match="holds no kept weights"):
        bench.load_model(weights / "tiny_vit.safetensors", weights)
    with pytest.raises(UsageError, match="its metadata are damaged"):
        bench.load_model(altered(kept, tmp_path / "a.safetensors", '"classes":10', '"classes":"ten"'), weights)
    with pytest.raises(UsageError, match="do not fit the method"):
        bench.load_model(altered(kept, tmp_path / "b.safetensors", '"classes":10', '"classes":11'), weights, "cpu")(
            np.zeros((8, 8, 3), np.uint8)
        )
