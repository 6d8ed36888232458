"""VTAB-1k: nineteen small adaptation problems."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field, field_validator

from bench.core.errors import DataError, nearest
from bench.data import Dataset, Official
from bench.data.base import Counts
from bench.data.formats.folders import file_table
from bench.data.formats.lists import listed

# Classes and test images of each set, by VTAB's three groups.
NATURAL = {
    "caltech101": (102, 6084), "cifar": (100, 10000), "dtd": (47, 1880), "oxford_flowers102": (102, 6149),
    "oxford_iiit_pet": (37, 3669), "sun397": (397, 21750), "svhn": (10, 26032),
}  # fmt: skip
SPECIALISED = {
    "patch_camelyon": (2, 32768), "eurosat": (10, 5400), "resisc45": (45, 6300), "diabetic_retinopathy": (5, 42670),
}  # fmt: skip
STRUCTURED = {
    "clevr_count": (8, 15000), "clevr_dist": (6, 15000), "dmlab": (6, 22735), "kitti": (4, 711),
    "dsprites_loc": (16, 73728), "dsprites_ori": (16, 73728), "smallnorb_azi": (18, 12150),
    "smallnorb_ele": (9, 12150),
}  # fmt: skip
SETS = {**NATURAL, **SPECIALISED, **STRUCTURED}
_LISTS = {
    "select": {"train800.txt": "train", "val200.txt": "val", "test.txt": "test"},
    "full": {"train800val200.txt": "train", "test.txt": "test"},
}


class VTAB(Dataset):
    """VTAB-1k: 19 sets of 1,000 training images in three groups (Zhai et al., 2019), in NOAH's copy.

    ``protocol=select`` trains on 800 images and chooses on 200; ``protocol=full`` trains on all 1,000 and reports the
    last epoch, with settings that were chosen before. NOAH's copy has the images saved anew as JPEG, which may explain
    why results on it differ: CIFAR-100 from this copy and from the original files do not compare.
    """

    title = "VTAB-1k"
    words = {"subset=": "CIFAR-100", "subset": "{}", "protocol=full": "all 1,000 training images"}
    task = "classification"
    homepage = "https://google-research.github.io/task_adaptation/"
    licence = "that of each set"
    citation = (
        "X. Zhai et al., A Large-scale Study of Representation Learning with the Visual Task Adaptation Benchmark, 2019"
    )
    folder = "vtab-1k"
    download = "the archive vtab-1k linked from https://github.com/ZhangYuanhan-AI/NOAH"
    protocols = {
        "select": Official(),
        "full": Official(selection="last", note="settings are chosen before, on protocol=select"),
    }

    subset: str = Field("cifar", description="which of the 19 sets, as caltech101 or dsprites_loc")

    @field_validator("subset")
    @classmethod
    def _known(cls, subset: str) -> str:
        if subset not in SETS:
            raise ValueError(f"no set {subset!r}. {nearest(subset, SETS)}")
        return subset

    def location(self, root: Path) -> Path:
        return root / self.folder / self.subset

    def class_names(self, root: Path) -> tuple[str, ...]:
        """Class numbers: the lists hold no names."""
        return tuple(map(str, range(SETS[self.subset][0])))

    def expects(self) -> Counts:
        trained: Counts = {"train": 800, "val": 200} if self.protocol == "select" else {"train": 1000, "val": 0}
        return {**trained, "test": SETS[self.subset][1]}

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        table = file_table(
            {"path": path, "label": label, "split": split, "id": f"{split}/{path}"}
            for name, split in _LISTS[self.protocol].items()
            for path, label in listed(place / name)
        )
        missing = [path for path in table["path"] if not (place / path).is_file()]
        if missing:
            raise DataError(
                f"vtab: {len(missing)} listed images are not in {place}: {missing[0]}. Restore the archive."
            )
        return table
