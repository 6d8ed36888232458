"""Your own images with boxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from pydantic import Field

from bench.data import Sample
from bench.data.formats.annotated import folder_split, is_image, paired
from bench.data.formats.boxes import WIDTH
from bench.data.formats.coco import joined_classes, read_coco
from bench.data.formats.coco_folder import coco_files, coco_rows
from bench.data.formats.folders import walk
from bench.data.formats.voc import boxes_on, read_voc, voc_classes, voc_lists
from bench.data.formats.written_for import written_for
from bench.data.formats.yolo import check_labels, label_of, read_yolo, yolo_classes
from bench.data.tables.own_annotated import AnnotatedFolder


class BoxFolder(AnnotatedFolder):
    """Your own images with boxes, in a folder: Pascal VOC's XML files, COCO's JSON or YOLO's text files.

    An image and its file share their name; they may lie side by side, or in ``images/`` and ``annotations/`` or
    ``labels/``. The protocol ``holdout`` draws 60 / 20 / 20 %, ``split`` follows folders or file names that say train,
    val or test, and VOC's ``ImageSets/Main``. ``grouped`` keeps groups together that the file ``groups`` lists. An
    image without a YOLO file has no objects.
    """

    title = "Own images with boxes"
    words = {"format": "", "groups": ""}
    task = "detection"
    reads = "boxes"

    format: Literal["voc", "coco", "yolo"] = Field("voc", description="of the annotation files")

    def rows(self, place: Path) -> list[dict[str, Any]]:
        if self.format == "coco":
            return coco_rows(place)
        if self.format == "yolo":
            return list(_yolo_rows(place))
        rows = paired(place, lambda path: path.lower().endswith(".xml"), "XML file")
        if not self.protocol.startswith("split") or any(row["split"] for row in rows):
            return rows
        lists = voc_lists(place)
        return [{**row, "split": lists.get(PurePosixPath(row["path"]).stem, "")} for row in rows]

    def names(self, place: Path) -> tuple[str, ...]:
        if self.format == "coco":
            return joined_classes(read_coco(place / file) for file in coco_files(place))
        if self.format == "yolo":
            return yolo_classes(place)
        return voc_classes(place / path for path in walk(place) if path.lower().endswith(".xml"))

    def read_target(self, sample: Sample) -> np.ndarray:
        image, names = _path(sample), self.known_names(sample.root)
        if self.format == "yolo":
            return _yolo_boxes(image)
        assert sample.target is not None
        if self.format == "coco":
            return read_coco(sample.target).boxes(image, names)
        return boxes_on(image, read_voc(sample.target, names), sample.target)

    def left_out(self, sample: Sample) -> tuple[str, ...]:
        lost = super().left_out(sample)
        if self.format != "coco" or sample.target is None:
            return lost
        return (*lost, *read_coco(sample.target).left_out(_path(sample)))

    def notes(self, root: Path) -> list[str]:
        if self.format != "yolo":
            return []
        place = self.place(root)
        images = [path for path in walk(place) if is_image(path)]
        bare = [path for path in images if label_of(place / path) is None]
        told = f"{len(bare)} of {len(images)} images have no label file and count as images without objects"
        return [f"{told}, e.g. {bare[0]}"] if bare else []


def _yolo_rows(place: Path) -> Iterator[dict[str, Any]]:
    images = [path for path in walk(place) if is_image(path)]
    claimed = {str(file.relative_to(place)) for path in images if (file := label_of(place / path)) is not None}
    check_labels(place, images, claimed)
    for path in images:
        yield {"path": path, "split": folder_split(path)}


def _path(sample: Sample) -> Path:
    assert sample.path is not None
    return sample.path


def _yolo_boxes(image: Path) -> np.ndarray:
    file = label_of(image)
    extent, _ = written_for(None, image, "its label file")
    return read_yolo(file, extent) if file is not None else np.zeros((0, WIDTH), dtype=np.float32)
