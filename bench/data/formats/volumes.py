"""Volumes on one grid: files in any orientation and spacing to (D, H, W) arrays of one shape.

Depth runs from inferior to superior, height from posterior to anterior, width from left to right. torchio does the
geometry, in float32, since it truncates when it resamples whole numbers; it is imported when first needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import DataError, UsageError
from bench.data.augment.generators import generators_kept
from bench.data.formats.axes import spacing_of
from bench.data.formats.dicom import read_dicom
from bench.data.formats.intensity import Intensity
from bench.data.formats.nifti import Volume, read_label_map, read_nifti

if TYPE_CHECKING:
    from torch import Tensor
    from torchio import Subject

Triple = tuple[float, float, float]
_FORMAT = 2  # raise when the meaning of the same fields changes
_ROUNDING = 1e-3  # of a voxel
_MOST_VOXELS = 2**30  # of a resampled volume: 4 GB
_IMAGE, _LABELS = "image", "labels"


@dataclass(frozen=True)
class Grid:
    """The grid that volumes are brought to.

    Attributes:
        spacing: Voxel sides in mm (depth, height, width); None: each volume keeps its own.
        shape: (D, H, W) in voxels, cut out of the middle or padded around it; None: each volume keeps its own.
        contrast: The rule from intensities to the kept type.
    """

    spacing: Triple | None = None
    shape: tuple[int, int, int] | None = None
    contrast: Intensity = field(default_factory=Intensity)

    def __post_init__(self) -> None:
        if self.spacing is not None and (len(self.spacing) != 3 or min(self.spacing) <= 0):
            raise UsageError(f"spacing must be three lengths in mm above 0, not {self.spacing}.")
        if self.shape is not None and (len(self.shape) != 3 or min(self.shape) < 1):
            raise UsageError(f"shape must be three whole numbers above 0, not {self.shape}.")

    def identity(self) -> dict[str, object]:
        """Everything beside the files' bytes that decides a volume, as JSON values for a cache's key."""
        return {
            "format": _FORMAT,
            "orientation": "RAS",
            "spacing": list(self.spacing) if self.spacing else None,
            "shape": list(self.shape) if self.shape else None,
            "contrast": self.contrast.identity(),
            **_versions(),
        }

    def read(self, path: Path) -> np.ndarray:
        """Read an image: a NIfTI file, or a folder with one DICOM series.

        Returns:
            (D, H, W), uint8 or float16 as the contrast says.

        Raises:
            DataError: See `bench.data.formats.nifti.read_nifti` and `bench.data.formats.dicom.read_dicom`, or `spacing`
                leaves an axis less than two voxels, or the volume more than memory holds.
        """
        volume = read_dicom(path) if path.is_dir() else read_nifti(path)
        bounds = self.contrast.bounds(volume.values, volume.name)
        placed = self._placed(volume, _IMAGE, background=bounds[0])
        return self.contrast.apply(placed, bounds, volume.name)

    def read_labels(self, path: Path) -> np.ndarray:
        """Read a map of labels onto the same grid, by nearest neighbours: (D, H, W) int32; padding is 0.

        Raises:
            DataError: See `bench.data.formats.nifti.read_label_map`, and `read` of the spacing.
        """
        return self._placed(read_label_map(path), _LABELS, 0)

    def _placed(self, volume: Volume, kind: str, background: float) -> np.ndarray:
        import torchio

        with generators_kept():  # torchio draws a number even where there is no chance
            subject = _canonical(volume, kind)
            if self.spacing is not None:
                subject = _resampled(subject, self.spacing, kind == _IMAGE, volume.name)
            if self.shape is not None:
                depth, height, width = self.shape
                subject = torchio.CropOrPad((width, height, depth), padding_mode=background)(subject)
        values: np.ndarray = subject.get_first_image().numpy()[0]
        kept = values.astype(np.int32) if kind == _LABELS else values
        return np.ascontiguousarray(kept.transpose(2, 1, 0))


def _resampled(subject: Subject, spacing: Triple, smooth: bool, name: str) -> Subject:
    """The subject's image on a grid with other voxel sides and the same middle, which lies within the old one.

    The grid is given in full: from a spacing alone, torchio counts the voxels of an axis that keeps its own in floating
    point, and may lose one.
    """
    import torchio

    image = subject.get_first_image()
    old, new = np.array(image.spacing), np.array(spacing[::-1])
    size = np.array(image.spatial_shape)
    count = _count(size, old, new, name)
    affine = np.diag([*new, 1.0])
    affine[:3, 3] = ((size - 1) * old - (count - 1) * new) / 2
    if smooth:
        image.set_data(_tensor(_smoothed(image.numpy()[0], new / old))[None])
    return torchio.Resample((tuple(count.tolist()), affine))(subject)


def _count(size: np.ndarray, old: np.ndarray, new: np.ndarray, name: str) -> np.ndarray:
    """Voxels along each axis (X, Y, Z) once its sides are ``new`` mm instead of ``old``.

    Raises:
        DataError: Nothing of an axis is left, or far too much; one of the two spacings has the wrong unit.
    """
    count = np.floor(size * old / new + _ROUNDING)
    if count.min() < 2 or count.prod() > _MOST_VOXELS:
        was, becomes, sides = (" x ".join(f"{value:g}" for value in axes[::-1]) for axes in (size, count, old))
        raise DataError(
            f"{name}: its {was} voxels of {sides} mm would become {becomes} (depth x height x width). "
            "Correct spacing, or the lengths or their unit in the file's header."
        )
    return count.astype(int)


def _smoothed(values: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Values (X, Y, Z) blurred where their axis is about to lose resolution, against aliasing.

    The Gaussian's width turns voxels into ones that are ``factor`` times as wide (Cardoso et al., MICCAI 2015).
    """
    from scipy.ndimage import gaussian_filter1d

    for axis, factor in enumerate(factors):
        if factor > 1 + _ROUNDING:
            sigma = np.sqrt((factor**2 - 1) / (8 * np.log(2)))
            values = gaussian_filter1d(values, sigma, axis=axis, mode="nearest")
    return values


def _canonical(volume: Volume, kind: str) -> Subject:
    """A torchio subject whose axes run right, anterior, superior.

    What is left of the affine is the spacing: where the body lay in the scanner changes no voxel, but its digits would
    differ between copies of one volume.
    """
    import torchio

    values = _tensor(volume.values)[None]
    make = torchio.LabelMap if kind == _LABELS else torchio.ScalarImage
    image = torchio.ToCanonical()(make(tensor=values, affine=volume.affine))
    affine = np.diag([*spacing_of(image.affine), 1.0])
    return torchio.Subject({kind: make(tensor=image.data.contiguous(), affine=affine)})


def _tensor(values: np.ndarray) -> Tensor:
    """A float32 tensor with the array's values."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


@cache
def _versions() -> dict[str, Any]:
    return {name: version(name) for name in ("torchio", "nibabel", "SimpleITK", "numpy", "scipy")}
