"""COCO 2017 with the masks of its objects."""

from __future__ import annotations

import numpy as np

from bench.data import Sample
from bench.data.formats.coco import read_coco
from bench.datasets.coco import COCO, names_in
from bench.tasks.instances import NUMBERS


class COCOInstances(COCO):
    """COCO 2017 (Lin et al., ECCV 2014) as instance segmentation; protocol as `coco`.

    A map of objects cannot hold overlaps: the smaller object is in front there. Crowds are not judged.
    """

    title = "COCO instances"
    task = "instances"

    def read_target(self, sample: Sample) -> np.ndarray:
        assert sample.target is not None
        assert sample.path is not None
        return read_coco(sample.target).map_of_objects(sample.path, NUMBERS, names_in(sample.root))

    def left_out(self, sample: Sample) -> tuple[str, ...]:
        assert sample.target is not None
        assert sample.path is not None
        return read_coco(sample.target).left_out(sample.path, masks=True)
