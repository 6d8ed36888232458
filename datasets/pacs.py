"""PACS: photo, art painting, cartoon, sketch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.data import Dataset, LeaveDomainOut, Official
from bench.errors import DataError

DOMAINS = ("art_painting", "cartoon", "photo", "sketch")
LIST_SPLITS = {"train": "train", "crossval": "val", "test": "test"}


class PACS(Dataset):
    """PACS: 4 domains x 7 classes, 9,991 images (Li et al., ICCV 2017)."""

    homepage = "https://sketchx.eecs.qmul.ac.uk/downloads/"
    licence = "research use"
    citation = "D. Li, Y. Yang, Y.-Z. Song, T. Hospedales, Deeper, Broader and Artier Domain Generalization, ICCV 2017"
    folder = "pacs"
    download = "the PACS archive (kfold folder) linked from https://sketchx.eecs.qmul.ac.uk/downloads/ or a mirror of it"
    classes = ("dog", "elephant", "giraffe", "guitar", "horse", "house", "person")
    # CLAdapter (NeurIPS 2025): Art Painting is the test domain, one fold in five of the rest trains. Fold 3 is the
    # first of 1,588 images (7,943 = 3 x 1,589 + 2 x 1,588).
    protocols = {
        "paper": LeaveDomainOut(test="art_painting", train=(3,)),
        **{f"leave_{domain}": LeaveDomainOut(test=domain) for domain in DOMAINS},
        **{f"official_{domain}": Official(column=f"official_{domain}") for domain in DOMAINS},
    }
    expected = {"paper": {"train": 1588, "val": 6355, "test": 2048}}

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        rows = [
            {"id": f"{domain}/{name}/{file.name}", "label": label, "domain": domain}
            for domain in DOMAINS
            for label, name in enumerate(self.classes)
            for file in (place / domain / name).glob("*")
        ]
        table = pd.DataFrame(rows).sort_values("id", ignore_index=True)
        table["path"] = table["id"]
        return table
