"""Data Science Bowl 2018: nuclei in microscope images of many kinds."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from bench.core.errors import DataError
from bench.data import Dataset, Folds, Sample
from bench.data.formats.folders import file_table
from bench.data.formats.images import image_size, read_image
from bench.data.formats.mask_folder import objects_in
from bench.tasks.instances import NUMBERS

FOLDS = 5


class DSB2018(Dataset):
    """Data Science Bowl 2018, stage 1: nuclei with a mask file each; one class (Caicedo et al., Nature Methods 2019).

    No split is published for the training images. Here: five folds, stratified by image size and by whether the image
    is in colour, which tell the kinds of microscope apart; three folds train, one validates, one tests.
    """

    title = "DSB2018 nuclei"
    words = {
        "protocol=fold*": "fold {}",
    }
    homepage = "https://www.kaggle.com/c/data-science-bowl-2018"
    licence = "CC0"
    citation = "J. C. Caicedo et al., Nucleus segmentation across imaging experiments, Nature Methods 2019"
    task = "instances"
    folder = "dsb2018"
    averages = "fold*"
    download = "https://bbbc.broadinstitute.org/BBBC038 (stage1_train, unpacked below dsb2018/)"
    classes = ("nucleus",)
    beside = ("stage1_train/*/masks/*.png",)
    protocols = {
        f"fold{fold}": Folds(
            folds=FOLDS,
            train=tuple((fold + step) % FOLDS for step in range(2, FOLDS)),
            val=((fold + 1) % FOLDS,),
            test=(fold,),
        )
        for fold in range(FOLDS)
    }

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root) / "stage1_train"
        names = sorted(folder.name for folder in place.iterdir() if folder.is_dir()) if place.is_dir() else []
        if not names:
            raise DataError(f"{place} holds no images. Unpack stage1_train there.")
        kinds = [_kind(place / name / "images" / f"{name}.png") for name in names]
        return file_table(
            {"path": f"stage1_train/{name}/images/{name}.png", "label": number}
            for name, number in zip(names, _strata(kinds), strict=True)
        )

    def read_target(self, sample: Sample) -> np.ndarray:
        return _objects(_path(sample))[0]

    def left_out(self, sample: Sample) -> tuple[str, ...]:
        return tuple(f"{sample.id}: the mask {name} is empty" for name in _objects(_path(sample))[1])


@lru_cache(maxsize=256)  # identity, notes and cache each ask once; 4,000 files in all
def _objects(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """The map of objects of an image, and its empty mask files."""
    return objects_in(path.parent.parent / "masks", image_size(path), NUMBERS)


def _path(sample: Sample) -> Path:
    assert sample.path is not None
    return sample.path


def _kind(file: Path) -> str:
    """Size and colour of an image."""
    image = read_image(file).astype(int)
    colour = bool(np.ptp(image, axis=2).any())
    return f"{image.shape[0]}x{image.shape[1]} {'colour' if colour else 'grey'}"


def _strata(kinds: list[str]) -> list[int]:
    """A number for each kind; kinds with fewer images than folds are one."""
    frequent = sorted({kind for kind in kinds if kinds.count(kind) >= FOLDS})
    return [frequent.index(kind) if kind in frequent else len(frequent) for kind in kinds]
