"""Your own volumes: NIfTI files or DICOM folders, listed in a table."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from bench.core.errors import UsageError
from bench.data.audit.survey import Header, contradictory, remarks, survey
from bench.data.base import Sample
from bench.data.formats.folders import printable
from bench.data.formats.intensity import OF_VOLUMES, Intensity
from bench.data.formats.nifti import is_nifti
from bench.data.formats.volumes import Grid
from bench.data.tables.manifest import ListedFiles


class NiftiFolder(ListedFiles):
    """Your own volumes, listed in a ``participants.tsv`` or CSV file: NIfTI files, or folders with a DICOM series each.

    Paths are relative to the list; columns are those of csv_images, and ``target`` for label maps. Volumes are turned
    to one orientation, resampled to ``spacing``, and cut or padded to ``shape``; protocols are those of csv_images.
    """

    title = "Own volumes"
    task = "classification"
    homepage = "docs/datasets.md#your-own-volumes"
    group_kind = "patient"

    target_column: str = Field("target", description="column with a label map's path; used if it is there")
    spacing: tuple[float, float, float] | None = Field(
        None, description="voxel sides in mm (depth, height, width); none: each volume's own"
    )
    shape: tuple[int, int, int] | None = Field(
        None, description="voxels (depth, height, width), cut or padded around the middle; none: each volume's own"
    )
    contrast: str = Field(
        "percentile[0.5,99.5]",
        description="how intensities become bytes: percentile[low,high] of each volume, window[low,high], or none",
    )
    kept: Literal["uint8", "float16"] = Field("uint8", description="type of the cached voxels")

    @field_validator("contrast")
    @classmethod
    def _known_contrast(cls, rule: str) -> str:
        Intensity.parse(rule, OF_VOLUMES)
        return rule

    @model_validator(mode="after")
    def _grid_is_possible(self) -> NiftiFolder:
        if self.intensity:
            raise ValueError("volumes take contrast, not intensity")
        try:
            self.grid()
        except UsageError as error:
            raise ValueError(str(error)) from error
        return self

    def grid(self) -> Grid:
        """The grid that the fields describe."""
        return Grid(self.spacing, self.shape, Intensity.parse(self.contrast, OF_VOLUMES, self.kept))

    def further(self) -> dict[str, str]:
        return {**super().further(), "target": self.target_column}

    def reading(self) -> dict[str, object]:
        return self.grid().identity()

    def read(self, sample: Sample) -> np.ndarray:
        assert sample.path is not None
        return self.grid().read(sample.path)

    def read_target(self, sample: Sample) -> np.ndarray:
        """The sample's label map, (D, H, W) int32 on the grid of its volume."""
        assert sample.target is not None
        return self.grid().read_labels(sample.target)

    def remarks(self, root: Path) -> list[str]:
        """Mixed spacings, orientations and types, and files that will be refused, from the headers."""
        return remarks(self._headers(root))

    def notes(self, root: Path) -> list[str]:
        """Headers whose two affines contradict each other."""
        return list(contradictory(self._headers(root)))

    def _headers(self, root: Path) -> list[Header]:
        place = self.location(root)
        paths = [path for path in self.sheet(root)[self.path_column] if is_nifti(path)]
        return survey({printable(path): place / path for path in paths})
