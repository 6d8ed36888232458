"""Saved models of tasks with boxes and maps: they find what their record holds, on the input's pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_images import picture

import bench
from bench.data.base import rows_of
from bench.data.formats.coco import read_coco
from bench.data.prepare import prepare
from bench.engine.predictor import Predictor
from bench.records import Store, prediction_key
from bench.records.files import weights_beside
from bench.tasks.found import Found, coco_file, with_boxes, with_classes
from bench.tasks.instances import NUMBERS, Instances
from bench.tasks.segmentation import IGNORED, Segmentation

CELLS = [
    ("digits_scene", "majority_pixel"),
    ("digits_scene", "linear_probe"),
    ("digits_boxes", "typical_objects"),
    ("digits_boxes", "full_finetune"),
    ("digits_instances", "linear_probe"),
]


@pytest.mark.parametrize(("dataset", "method"), CELLS)
def test_what_is_found_is_what_the_record_holds(dataset: str, method: str, weights: Path, tmp_path: Path) -> None:
    cell = f"{dataset}[protocol=tiny]/tiny_vit/{method}/quick[epochs=1,batch_size=4]/seed=0"
    bench.run(cell, results=tmp_path, weights=weights, keep_weights=True, quiet=True, device="cpu")
    store = Store(tmp_path)
    (record,) = store.all()
    model = bench.load_model(weights_beside(store.path(record.cell)), weights, "cpu")
    given, rows = _test_samples(model, tmp_path)
    arrays, stage = store.predictions(record.cell), record.stages[-1].name
    for row, found in zip(rows, model.found(map(model.fresh, given)), strict=True):
        for name in ("labels", "boxes", "scores", "classes"):
            if name in found.outputs:
                kept = arrays[prediction_key("test", name, stage)][row]
                np.testing.assert_allclose(found.outputs[name], kept, atol=2e-6, err_msg=name)
    read = model(given)
    assert len(read) == len(given)
    if dataset == "digits_scene":
        assert read.shape == (len(given), 64, 64)


def _test_samples(model: Predictor, root: Path) -> tuple[list[np.ndarray], range]:
    prepared = prepare(model.resolved.dataset, root, 0)
    test = prepared.table.iloc[prepared.rows("test")]
    return [prepared.dataset.read(sample) for sample in rows_of(prepared.dataset, test, root)], range(len(test))


def found(outputs: dict[str, np.ndarray], extent: tuple[int, int], shown: object = None) -> Found:
    whole = tuple((0.0, float(length)) for length in extent)
    return Found("a.png", outputs, extent, shown or whole)  # type: ignore[arg-type]


def test_boxes_of_a_centred_crop_lie_on_the_whole_input() -> None:
    """A crop shows columns 50 to 150 of an image of 100 x 200."""
    one = found({}, (100, 200), ((0.0, 100.0), (50.0, 100.0)))
    assert one.in_pixels([0.0, 0.0, 0.5, 1.0]) == (50, 0, 100, 100)


def test_maps_of_a_centred_crop_count_nowhere_beside_it() -> None:
    labels = np.array([[1, 2], [3, 4]], dtype=np.uint8)
    map_ = Segmentation().read_out(found({"labels": labels}, (4, 8), ((0.0, 4.0), (2.0, 4.0))))
    assert map_[0].tolist() == [IGNORED, IGNORED, 1, 1, 2, 2, IGNORED, IGNORED]
    assert map_[3].tolist() == [IGNORED, IGNORED, 3, 3, 4, 4, IGNORED, IGNORED]


def _square(score: float = 0.9) -> dict[str, np.ndarray]:
    """An object that fills the left upper quarter, and nothing else."""
    boxes, scores, classes = np.zeros((3, 4), np.float32), np.zeros(3, np.float32), np.full(3, -1, np.int16)
    boxes[0], scores[0], classes[0] = (0, 0, 0.5, 0.5), score, 0
    return {"boxes": boxes, "scores": scores, "classes": classes, "masks": np.full((3, 28, 28), 255, np.uint8)}


@pytest.mark.parametrize(("score", "drawn"), [(0.9, True), (0.3, False)])
def test_masks_of_sure_objects_are_numbered(score: float, drawn: bool) -> None:
    one, task = found(_square(score), (20, 40)), Instances()
    grey = np.full((20, 40, 3), 100, dtype=np.uint8)
    numbers = task.pictures(one, ["cell"], grey)["mask"]
    assert numbers[:9, :19].all() == drawn
    assert not numbers[11:, 21:].any()


def test_masks_in_coco_form_are_read_as_they_were_found(tmp_path: Path) -> None:
    (content,) = Instances().summary([found(_square(), (20, 40))], ["cell"]).values()
    (tmp_path / "p.json").write_text(json.dumps(content))
    picture(tmp_path / "a.png", 0, 20, 40)
    objects = read_coco(tmp_path / "p.json").map_of_objects(tmp_path / "a.png", NUMBERS)
    assert (objects[:10, :20] == NUMBERS).all()
    assert (objects > 0).sum() == 200


def test_drawings_change_what_they_mark_only() -> None:
    grey = np.full((40, 60, 3), 128, dtype=np.uint8)
    boxed = with_boxes(grey, [((10, 10, 30, 30), 0, "")])
    assert (boxed[10, 10:30] != 128).any(1).all()
    assert (boxed[35:] == 128).all()
    labels = np.zeros((40, 60), dtype=np.uint8)
    labels[:5], labels[-1] = 1, IGNORED
    tinted = with_classes(grey, labels)
    assert (tinted[:5] != 128).any(2).all()
    assert (tinted[5:] == 128).all()


def test_an_image_without_objects_stands_in_coco_files() -> None:
    content = coco_file([found({}, (2, 3))], ["a"], [])
    assert content["images"] == [{"id": 1, "file_name": "a.png", "height": 2, "width": 3}]
    assert content["annotations"] == []
