"""NIfTI files, read whole and checked: what torchio would load in silence (half a file, no affine) is an error here."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import DataError
from bench.data.formats.axes import check_axes, orientation, spacing_of
from bench.data.formats.folders import printable
from bench.data.formats.intensity import check_finite
from bench.data.formats.reading import reading

if TYPE_CHECKING:
    import nibabel as nib

NIFTI_SUFFIXES = (".nii", ".nii.gz")
_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # by the header's code: not said, metre, millimetre, micrometre
_UNIT_BITS = 7  # of xyzt_units; the others are the unit of time
_SPACINGS_DIFFER = 0.01  # of a voxel's side
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
    check_finite(volume.values, volume.name)
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
    packed = str(path).lower().endswith(".gz")
    with reading("volume", path), gzip.open(path) if packed else path.open("rb") as file:
        return _header_of(file.read(_HEADER_BYTES))


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
    if _unit(header) not in _MILLIMETRES:
        raise DataError(f"{name} gives lengths in an unknown unit (code {_unit(header)} in xyzt_units). Correct it.")
    check_axes(affine_of(header), name)


def affine_of(header: Any) -> np.ndarray:
    """(4, 4), voxel numbers to millimetres, whatever the header's unit of length; one that says none means them."""
    affine: np.ndarray = np.array(header.get_best_affine(), dtype=float)
    affine[:3] *= _MILLIMETRES[_unit(header)]
    return affine


def contradicts_itself(header: Any) -> bool:
    """Whether the header states two affines of different voxel sides or orientations; the sform is the one used.

    Where the body lies may differ, as it does once a volume is registered: nothing here depends on it.
    """
    if not (int(header["sform_code"]) and int(header["qform_code"])):
        return False
    try:
        sform, qform = header.get_sform(), header.get_qform()
    except ValueError:  # no rotation: what the qform states cannot be
        return True
    sides = np.array(spacing_of(sform)), np.array(spacing_of(qform))
    return bool((np.abs(sides[0] - sides[1]) > _SPACINGS_DIFFER * sides[0]).any()) or (
        orientation(sform) != orientation(qform)
    )


def check_values(volume: Volume) -> None:
    """Check that an image's values are finite and not all the same.

    Raises:
        DataError: Naming the file.
    """
    check_finite(volume.values, volume.name)
    if volume.values.min() == volume.values.max():
        raise DataError(f"{volume.name} is constant: every voxel is {volume.values.min():g}. Restore or remove it.")


def _read(path: Path) -> Volume:
    import nibabel as nib

    name = printable(path)
    with reading("volume", path):
        content = path.read_bytes()
        if str(path).lower().endswith(".gz"):
            content = gzip.decompress(content)  # to the very end, so that the checksum is compared
        header = _header_of(content)
        check_geometry(header, name)
        kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
        image = kind.from_bytes(content)
        _check_type(header, name)
        values = image.get_fdata(dtype=np.float32, caching="unchanged")
    return Volume(values.reshape(_without_ones(values.shape)), affine_of(header), name)


def _unit(header: Any) -> int:
    return int(header["xyzt_units"]) & _UNIT_BITS


def _header_of(content: bytes) -> Any:
    import nibabel as nib

    kind = nib.Nifti2Header if int.from_bytes(content[:4], "little") == _NIFTI2_HEADER else nib.Nifti1Header
    if int.from_bytes(content[:4], "big") == _NIFTI2_HEADER:
        kind = nib.Nifti2Header
    size = kind.sizeof_hdr
    if len(content) < size:
        raise EOFError(f"{len(content)} bytes are fewer than a header has")
    return kind(content[:size])


def _check_type(header: Any, name: str) -> None:
    kind = header.get_data_dtype().kind
    if kind not in "iuf":
        raise DataError(f"{name} holds {header.get_data_dtype()} values, not plain numbers. Convert it to grey values.")


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without trailing axes of length 1 beyond the third, which many writers add."""
    kept = list(shape)
    while len(kept) > 3 and kept[-1] == 1:
        kept.pop()
    return tuple(int(side) for side in kept)
