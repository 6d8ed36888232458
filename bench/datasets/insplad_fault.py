"""InsPLAD-fault: faults of power-line assets in drone photographs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.data import Dataset, Official
from bench.data.formats.folders import file_table, images_in

ASSETS = {
    "glass_insulator": ("good", "missing-cap"),
    "lightning_rod_suspension": ("good", "rust"),
    "polymer_insulator_upper_shackle": ("good", "rust"),
    "vari_grip": ("good", "bird-nest", "rust"),
    "yoke_suspension": ("good", "rust"),
}
# Test images of each asset, as the repository's table and the sums of CLAdapter's Table 5 say.
TESTED = (59, 251, 64, 281, 5762)
TRAINED = (751, 378, 790, 434, 328)  # as the repository's table says; 2,681 in all


class InsPLADFault(Dataset):
    """InsPLAD-fault, supervised: five assets, whole or faulty in one way, vari-grips in two (Vieira e Silva, 2023).

    A protocol is one asset; papers report the mean over the five, of AUROC (metric ``auc``). The archive's folder
    ``val`` is what CLAdapter and others test on, and there is no other, so the last epoch is reported. CLAdapter's
    Table 5 states 5,108 training images, the repository's table 2,681: what is found is told by the audit.
    """

    title = "InsPLAD-fault"
    task = "classification"
    homepage = "https://github.com/andreluizbvs/InsPLAD"
    licence = "CC BY 4.0"
    citation = "A. L. B. Vieira e Silva et al., InsPLAD, International Journal of Remote Sensing 2023"
    folder = "InsPLAD-fault"
    download = "supervised_fault_classification.zip of https://github.com/andreluizbvs/InsPLAD, unpacked"
    averages = "*"
    protocols = {asset: Official(selection="last", note="tested on the archive's val images") for asset in ASSETS}
    expected = {asset: {"val": 0, "test": count} for asset, count in zip(ASSETS, TESTED, strict=True)}

    def class_names(self, root: Path) -> tuple[str, ...]:
        return ASSETS[self.protocol]

    def samples(self, root: Path) -> pd.DataFrame:
        place, within = self.require(root), self._within(root)
        asset = f"{within}{self.protocol.replace('_', '-')}"
        return file_table(
            {"path": f"{asset}/{part}/{name}/{file}", "label": label, "split": split}
            for part, split in (("train", "train"), ("val", "test"))
            for label, name in enumerate(ASSETS[self.protocol])
            for file in images_in(place / asset / part / name)
        )

    def remarks(self, root: Path) -> list[str]:
        found = [int((self.under(asset).samples(root)["split"] == "train").sum()) for asset in ASSETS]
        if tuple(found) == TRAINED:
            return []
        told = ", ".join(f"{asset} {count} ({told})" for asset, count, told in zip(ASSETS, found, TRAINED, strict=True))
        return [f"{sum(found)} training images; CLAdapter states 5108. By asset (the repository's table): {told}"]

    def _within(self, root: Path) -> str:
        """Where the archive was unpacked: into the folder itself, or into one of the archive's name."""
        places = ("", "defect_supervised/", "supervised_fault_classification/defect_supervised/")
        asset = self.protocol.replace("_", "-")
        return next((within for within in places if (self.location(root) / within / asset).is_dir()), places[1])
