"""Small copies of data sets with boxes, masks and label maps, in their published layouts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from made_images import picture
from made_volumes import saved
from PIL import Image

BOX = (
    "<annotation><size><width>{width}</width><height>{height}</height></size><object><name>{name}</name><bndbox>"
    "<xmin>2</xmin><ymin>1</ymin><xmax>9</xmax><ymax>8</ymax></bndbox></object></annotation>"
)


def bccd(root: Path, sizes: tuple[int, int, int] = (10, 4, 4)) -> None:
    """Images of 12 x 10 pixels with one box each, and the lists of three splits."""
    place, number = root / "bccd" / "BCCD", 0
    for split, size in zip(("train", "val", "test"), sizes, strict=True):
        names = [f"BloodImage_{number + n:05d}" for n in range(size)]
        number += size
        (place / "ImageSets" / "Main").mkdir(parents=True, exist_ok=True)
        (place / "ImageSets" / "Main" / f"{split}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            picture(place / "JPEGImages" / f"{name}.jpg", int(name[-5:]), quality=100)
            file = place / "Annotations" / f"{name}.xml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(BOX.format(width=12, height=10, name=("RBC", "WBC", "Platelets")[int(name[-5:]) % 3]))


def dsb2018(root: Path, count: int = 12) -> None:
    """Images of 12 x 10 pixels, grey and coloured ones, with two masks each."""
    for number in range(count):
        place = root / "dsb2018" / "stage1_train" / f"image{number:02d}"
        picture(place / "images" / f"image{number:02d}.png", number, mode="L" if number % 2 else "RGB")
        for mask in range(2):
            pixels = np.zeros((10, 12), dtype=np.uint8)
            pixels[1:4, 6 * mask : 6 * mask + 3 + number % 3] = 255
            file = place / "masks" / f"{mask}.png"
            file.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(file)


def hippocampus(root: Path, patients: int = 6) -> None:
    """Volumes of 11 x 14 x 3 voxels with two classes."""
    for number in range(patients):
        rng = np.random.default_rng(number)
        values = rng.uniform(0, 1000, size=(11, 14, 3)).astype(np.float32)
        labels = np.zeros((11, 14, 3), dtype=np.float32)
        labels[3:6, 4:8, 1], labels[3:6, 8:10, 1] = 1, 2
        for part, array in (("imagesTr", values), ("labelsTr", labels)):
            saved(root / "msd_hippocampus" / part / f"hippocampus_{number:03d}.nii.gz", array)


def ade20k(root: Path, training: int = 60, validation: int = 4) -> None:
    """Images of 12 x 10 pixels with label maps of two classes and "other"."""
    for part, count in (("training", training), ("validation", validation)):
        for number in range(count):
            name = f"ADE_{part}_{number:05d}"
            place = root / "ADEChallengeData2016"
            picture(place / "images" / part / f"{name}.png", 1000 * validation * (part == "training") + number)
            labels = np.zeros((10, 12), dtype=np.uint8)
            labels[:, 4:8], labels[:, 8:] = 1, 150
            (place / "annotations" / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(labels).save(place / "annotations" / part / f"{name}.png")


def coco(root: Path, training: int = 60, validation: int = 4) -> None:
    """Images of 12 x 10 pixels with one object each, of two classes."""
    for part, count in (("train2017", training), ("val2017", validation)):
        for number in range(count):
            picture(root / "coco" / part / f"{number:012d}.png", 5000 * (part == "train2017") + number)
        images = [{"id": n, "file_name": f"{n:012d}.png", "height": 10, "width": 12} for n in range(count)]
        objects = [
            {"id": n + 1, "image_id": n, "category_id": 1 + n % 2, "bbox": [1, 2, 4, 5], "iscrowd": 0,
             "segmentation": [[1, 2, 5, 2, 5, 7, 1, 7]]}
            for n in range(count)
        ]  # fmt: skip
        categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
        file = root / "coco" / "annotations" / f"instances_{part}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"images": images, "annotations": objects, "categories": categories}))
