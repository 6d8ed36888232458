"""KTH-TIPS2-b: materials under varying scale, pose and light."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.data import Dataset, LeaveDomainOut
from bench.data.formats.folders import file_table, images_in

SAMPLES = ("sample_a", "sample_b", "sample_c", "sample_d")


class KTHTips2b(Dataset):
    """KTH-TIPS2-b: 11 materials x 4 physical samples x 108 images (Caputo et al., ICCV 2005).

    Each protocol tests on one physical sample per material and trains on the other three; the mean over the four
    splits is what papers report. There is no validation split, so the last epoch is reported.
    """

    title = "KTH-TIPS2-b"
    words = {
        "protocol=split*": "split {}",
    }
    task = "classification"
    homepage = "https://www.csc.kth.se/cvap/databases/kth-tips/index.html"
    licence = "research use"
    citation = "B. Caputo, E. Hayman, P. Mallikarjuna, Class-Specific Material Categorisation, ICCV 2005"
    folder = "KTH-TIPS2-b"
    download = "https://www.csc.kth.se/cvap/databases/kth-tips/kth-tips2-b_col_200x200.tar"
    classes = (
        "aluminium_foil", "brown_bread", "corduroy", "cork", "cotton", "cracker",
        "lettuce_leaf", "linen", "white_bread", "wood", "wool",
    )  # fmt: skip
    group_kind = "physical sample"
    averages = "split*"
    protocols = {
        f"split{number}": LeaveDomainOut(test=sample, train=(0, 1, 2, 3, 4), selection="last")
        for number, sample in enumerate(SAMPLES, start=1)
    }
    expected = {f"split{number}": {"train": 3564, "val": 0, "test": 1188} for number in (1, 2, 3, 4)}

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        return file_table(
            {"path": f"{name}/{sample}/{file}", "label": label, "domain": sample, "group": f"{name}/{sample}"}
            for label, name in enumerate(self.classes)
            for sample in SAMPLES
            for file in images_in(place / name / sample)
        )
