"""The axes of a volume: what an affine says of voxel sides, directions and angles."""

from __future__ import annotations

import numpy as np

from bench.core.errors import DataError

_SHEAR = 1e-3  # cosine between two voxel axes; headers written with few digits stay below it


def spacing_of(affine: np.ndarray) -> tuple[float, float, float]:
    """Voxel sides in mm, rounded to a nanometre so that copies in another orientation have the very same."""
    x, y, z = (round(float(side), 6) for side in np.linalg.norm(affine[:3, :3], axis=0))
    return x, y, z


def orientation(affine: np.ndarray) -> str:
    """Where the voxel axes point, e.g. "RAS"."""
    from nibabel.orientations import aff2axcodes

    return "".join(str(code) for code in aff2axcodes(affine))


def check_axes(affine: np.ndarray, name: str) -> None:
    """Check that voxels have sides, at right angles.

    Raises:
        DataError: They have not; the message names the file or folder.
    """
    axes = affine[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(axes).all() or lengths.min() <= 0:
        raise DataError(f"{name} has a voxel side of {lengths.min():g} mm. Correct its affine.")
    cosines = np.abs((axes / lengths).T @ (axes / lengths) - np.eye(3)).max()
    if cosines > _SHEAR:
        raise DataError(f"{name} is sheared: its voxel axes are not at right angles. Resample it to a straight grid.")
