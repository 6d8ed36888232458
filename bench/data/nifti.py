"""NIfTI files, read whole and checked: what torchio would load in silence (half a file, no affine) is an error here."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import DataError
from bench.data.folders import printable

if TYPE_CHECKING:
    import nibabel as nib

NIFTI_SUFFIXES = (".nii", ".nii.gz")
_SHEAR = 1e-3  # cosine between two voxel axes; headers written with few digits stay below it
_NIFTI2_HEADER = 540  # bytes, which a NIfTI-2 file states first; a NIfTI-1 file states 348
_HEADER_BYTES = 1024


@dataclass(frozen=True)
class Volume:
    """One volume as its file stores it.

    Attributes:
        values: (X, Y, Z) float32, or (X, Y, Z) of whole numbers for a label map; axes in the file's order.
        affine: (4, 4), voxel numbers to millimetres, right-anterior-superior positive.
        name: The file, for messages.
    """

    values: np.ndarray
    affine: np.ndarray
    name: str

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel sides in mm, in the file's order of axes."""
        return spacing_of(self.affine)


def is_nifti(path: str | Path) -> bool:
    """Whether a file's name says that it is NIfTI."""
    return str(path).lower().endswith(NIFTI_SUFFIXES)


def read_nifti(path: Path) -> Volume:
    """Read an image; values are scaled as the header says and finite.

    Raises:
        DataError: The file is truncated or no NIfTI file, holds no single volume, says nothing of its orientation, is
            sheared, is constant, or holds values that are not finite; the message names the file and the fix.
    """
    volume = _read(path)
    check_values(volume)
    return volume


def read_label_map(path: Path) -> Volume:
    """Read a map of whole numbers, as int32; it may be constant.

    Raises:
        DataError: As for `read_nifti`, or a value is not a whole number.
    """
    volume = _read(path)
    _check_finite(volume)
    whole = volume.values.astype(np.int32)
    if not np.array_equal(whole, volume.values):
        raise DataError(
            f"{volume.name} is no label map: it holds values that are not whole. Round them, or fix the list."
        )
    return Volume(whole, volume.affine, volume.name)


def read_header(path: Path) -> nib.nifti1.Nifti1Header:
    """The header alone; for a compressed file only its beginning is unpacked.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with gzip.open(path) if str(path).lower().endswith(".gz") else path.open("rb") as file:
            return _header_of(file.read(_HEADER_BYTES))
    except _problems() as error:
        raise _unreadable(path, error) from error


def check_geometry(header: Any, name: str) -> None:
    """Check that a header describes one volume whose place in the body is known.

    Raises:
        DataError: See `read_nifti`.
    """
    shape = _without_ones(header.get_data_shape())
    if len(shape) > 3:
        raise DataError(f"{name} holds {shape[3]} volumes (shape {shape}). Split it, one volume a file.")
    if len(shape) < 3 or min(shape) < 2:
        raise DataError(f"{name} is a single slice (shape {shape}), no volume. Stack its slices, or use image_folder.")
    if not int(header["sform_code"]) and not int(header["qform_code"]):
        raise DataError(
            f"{name} does not say how it is oriented (sform_code and qform_code are 0). "
            "Write it again with its affine and a code."
        )
    axes = header.get_best_affine()[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(axes).all() or lengths.min() <= 0:
        raise DataError(f"{name} has a voxel side of {lengths.min():g} mm. Correct its affine.")
    cosines = np.abs((axes / lengths).T @ (axes / lengths) - np.eye(3)).max()
    if cosines > _SHEAR:
        raise DataError(f"{name} is sheared: its voxel axes are not at right angles. Resample it to a straight grid.")


def check_values(volume: Volume) -> None:
    """Check that an image's values are finite and not all the same.

    Raises:
        DataError: Naming the file.
    """
    _check_finite(volume)
    if volume.values.min() == volume.values.max():
        raise DataError(f"{volume.name} is constant: every voxel is {volume.values.min():g}. Restore or remove it.")


def spacing_of(affine: np.ndarray) -> tuple[float, float, float]:
    """Voxel sides in mm, rounded to a nanometre so that copies in another orientation have the very same."""
    x, y, z = (round(float(side), 6) for side in np.linalg.norm(affine[:3, :3], axis=0))
    return x, y, z


def _read(path: Path) -> Volume:
    import nibabel as nib

    name = printable(path)
    try:
        content = path.read_bytes()
        if str(path).lower().endswith(".gz"):
            content = gzip.decompress(content)  # to the very end, so that the checksum is compared
        header = _header_of(content)
        check_geometry(header, name)
        kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
        image = kind.from_bytes(content)
        _check_type(header, name)
        values = image.get_fdata(dtype=np.float32, caching="unchanged")
    except _problems() as error:
        raise _unreadable(path, error) from error
    return Volume(values.reshape(_without_ones(values.shape)), image.affine, name)


def _header_of(content: bytes) -> Any:
    import nibabel as nib

    kind = nib.Nifti2Header if int.from_bytes(content[:4], "little") == _NIFTI2_HEADER else nib.Nifti1Header
    if int.from_bytes(content[:4], "big") == _NIFTI2_HEADER:
        kind = nib.Nifti2Header
    size = kind.sizeof_hdr
    if len(content) < size:
        raise EOFError(f"{len(content)} bytes are fewer than a header has")
    return kind(content[:size])


def _problems() -> tuple[type[Exception], ...]:
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    return (OSError, EOFError, ValueError, zlib.error, ImageFileError, HeaderDataError, WrapStructError)


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:160]
    return DataError(f"Cannot read the volume {printable(path)}: {reason}. Replace the file or restore it.")


def _check_type(header: Any, name: str) -> None:
    kind = header.get_data_dtype().kind
    if kind not in "iuf":
        raise DataError(f"{name} holds {header.get_data_dtype()} values, not plain numbers. Convert it to grey values.")


def _check_finite(volume: Volume) -> None:
    bad = int(np.count_nonzero(~np.isfinite(volume.values)))
    if bad:
        raise DataError(f"{volume.name} holds {bad} voxels that are not finite numbers. Replace them, e.g. by 0.")


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without trailing axes of length 1 beyond the third, which many writers add."""
    kept = list(shape)
    while len(kept) > 3 and kept[-1] == 1:
        kept.pop()
    return tuple(int(side) for side in kept)
