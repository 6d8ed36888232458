"""MedMNIST v2: standardised biomedical images and volumes."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from bench.core.errors import DataError, MissingData
from bench.core.shipped import ASSETS
from bench.data import Dataset, Official, Sample, Split
from bench.data.base import Counts, Flip
from bench.data.formats.arrays import npz_array

SETS_2D = (
    "bloodmnist", "breastmnist", "dermamnist", "octmnist", "organamnist", "organcmnist", "organsmnist",
    "pathmnist", "pneumoniamnist", "retinamnist", "tissuemnist",
)  # fmt: skip
SETS_3D = ("adrenalmnist3d", "fracturemnist3d", "nodulemnist3d", "organmnist3d", "synapsemnist3d", "vesselmnist3d")
# Kidneys, lungs and femoral heads of either side are classes of their own. In the sagittal set, no axis is left-right.
SIDED = ("organamnist", "organcmnist", "organmnist3d")
# What is known to be wrong with the published files: an image in the training and the test split, labelled differently.
FLAWS = {"breastmnist": ("duplicate", "conflicting_labels")}


class MedMNIST(Dataset):
    """MedMNIST v2: 11 single-label 2D sets and 6 3D sets with official splits (Yang et al., Scientific Data 2023).

    ``size`` is the resolution of the published file; the size a backbone sees is the backbone's own parameter.
    ``bench data fetch`` downloads with pooch, from the addresses and against the md5 sums of the medmnist package;
    that package's own downloader is not used. ``vesselmnist3d`` at 28 is embedded and needs no download; a file in the
    data folder comes first.
    """

    title = "MedMNIST"
    words = {
        "subset=": "BreastMNIST",
        "subset=breastmnist": "BreastMNIST",
        "subset=pneumoniamnist": "PneumoniaMNIST",
        "subset=adrenalmnist3d": "AdrenalMNIST3D",
        "subset=vesselmnist3d": "VesselMNIST3D",
        "subset": "{}",
        "size": "{} px",
    }
    task = "classification"
    homepage = "https://medmnist.com/"
    licence = "CC BY 4.0 (dermamnist: CC BY-NC 4.0)"
    citation = "J. Yang et al., MedMNIST v2, Scientific Data 2023"
    folder = "medmnist"
    download = "https://zenodo.org/records/10519652 (the .npz files), or `bench data fetch medmnist`"
    protocols = {"official": Official()}

    subset: str = Field("breastmnist", description="which set, e.g. breastmnist, bloodmnist or adrenalmnist3d")
    size: Literal[28, 64, 128, 224] = Field(28, description="resolution of the published file (3D: 28 or 64)")

    @field_validator("subset")
    @classmethod
    def _known(cls, subset: str) -> str:
        if subset == "chestmnist":
            raise ValueError("chestmnist is multi-label; only single-label sets can be classified here")
        if subset not in SETS_2D + SETS_3D:
            raise ValueError(f"no set of this name; known: {', '.join(SETS_2D + SETS_3D)}")
        return subset

    @property
    def file(self) -> str:
        """Name of the published file."""
        return f"{self.subset}.npz" if self.size == 28 else f"{self.subset}_{self.size}.npz"

    @property
    def forbidden_flips(self) -> tuple[Flip, ...]:  # type: ignore[override]
        """All axes of sets that tell left organs from right ones, since which axis is left-right is not published."""
        return ("horizontal", "vertical", "depth") if self.subset in SIDED else ()

    @property
    def rule(self) -> Split:
        return replace(super().rule, leaks=FLAWS.get(self.subset, ()))

    @model_validator(mode="after")
    def _published(self) -> MedMNIST:
        if self.subset in SETS_3D and self.size > 64:
            raise ValueError(f"{self.subset} is published in the sizes 28 and 64")
        return self

    def location(self, root: Path) -> Path:
        place = super().location(root)
        embedded = (ASSETS / self.file).is_file() and not (place / self.file).is_file()
        return ASSETS if embedded else place

    def sources(self) -> dict[str, str]:
        suffix = "" if self.size == 28 else f"_{self.size}"
        facts = _facts(self.subset)
        return {facts["url" + suffix]: "md5:" + facts["MD5" + suffix]}

    def checksums(self) -> dict[str, str]:
        return {self.file: next(iter(self.sources().values()))}

    def class_names(self, root: Path) -> tuple[str, ...]:
        names = _facts(self.subset)["label"]
        return tuple(names[str(label)] for label in range(len(names)))

    def expects(self) -> Counts:
        return dict(_facts(self.subset)["n_samples"])

    def samples(self, root: Path) -> pd.DataFrame:
        file = self.location(root) / self.file
        if not file.is_file():
            raise MissingData(self.missing(file))
        parts = []
        for split in ("train", "val", "test"):
            labels = npz_array(file, f"{split}_labels").reshape(-1).astype(int)  # published as (n, 1)
            numbers = np.arange(len(labels))
            ids = [f"{split}/{number}" for number in numbers]
            parts.append(pd.DataFrame({"id": ids, "label": labels, "split": split, "index": numbers}))
        return pd.concat(parts, ignore_index=True).assign(path=self.file)

    def read(self, sample: Sample) -> np.ndarray:
        assert sample.path is not None
        image = npz_array(sample.path, f"{sample.id.partition('/')[0]}_images")[sample.index]
        return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


@cache
def _facts(subset: str) -> dict[str, Any]:
    """The set's entry in the medmnist package, read as data: importing the package makes a folder in the home."""
    spec = find_spec("medmnist")
    assert spec is not None and spec.origin is not None  # noqa: PT018  (a dependency of this package)
    tree = ast.parse(Path(spec.origin).with_name("info.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "INFO":
            return ast.literal_eval(node.value)[subset]
    raise DataError("medmnist: the installed medmnist package has no table of its sets. Install medmnist 3.")
