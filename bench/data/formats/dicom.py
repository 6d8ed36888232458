"""DICOM, through SimpleITK: a folder with one series as a volume, and single files as images.

A series is read slice by slice, since each may have its own slope and intercept, as those of PET have: the library's
reader of series keeps all slices in the type of the first one's numbers, and its affine knows no tilted gantry.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import DataError
from bench.data.formats.axes import check_axes
from bench.data.formats.folders import printable
from bench.data.formats.nifti import Volume, check_values
from bench.data.formats.reading import reading

_POSITION, _ORIENTATION = "0020|0032", "0020|0037"  # of a slice, in mm and as direction cosines
SUFFIX = ".dcm"
_UNEVEN, _SIDEWAYS = 0.01, 0.1  # of the usual distance between slices: along their normal, and across it
_TURNED = 1e-3  # of a direction cosine
_TO_RAS = np.diag([-1.0, -1.0, 1.0])  # DICOM's x and y run left and back


@dataclass(frozen=True)
class _Slice:
    """One slice.

    Attributes:
        values: (X, Y) float32, slope and intercept of its own header applied.
        spacing: Pixel sides along X and Y in mm.
        axes: (2, 3), where X and Y point, left-posterior-superior positive.
        position: (3,), where its first pixel lies, in mm.
        file: Its name.
    """

    values: np.ndarray
    spacing: tuple[float, float]
    axes: np.ndarray
    position: np.ndarray
    file: str


def read_dicom(folder: Path) -> Volume:
    """Read the series; the values of each slice are scaled as its own header says.

    Raises:
        DataError: The folder holds no series or several, a slice is missing, unreadable or unlike the others, slices
            are not stacked at a right angle (a tilted gantry), or the volume is constant or not finite; the message
            names the folder and the fix.
    """
    name = printable(folder)
    slices = [_slice(file, name) for file in _series(folder, name)]
    _check_alike(slices, name)
    _check_complete(slices, name)
    affine = _affine(slices)
    check_axes(affine, name)
    volume = Volume(np.stack([one.values for one in slices], axis=-1), affine, name)
    check_values(volume)
    return volume


def is_dicom(path: Path) -> bool:
    """Whether a file's name says that it is DICOM."""
    return path.suffix.lower() == SUFFIX


def read_dicom_image(path: Path) -> np.ndarray:
    """One image of a file.

    Returns:
        uint8 (H, W, 3) of colour, (H, W) of grey: values as the header's slope and intercept give them, which the data
        set's intensity rule turns into bytes where they are not. Of MONOCHROME1, whose low values are meant to be
        bright, the library turns the stored values over, so that large ones are bright everywhere.

    Raises:
        DataError: The file is missing, damaged, or holds several frames; the message names it.
    """
    import SimpleITK as sitk

    reader = _header(path)
    with reading("DICOM image", path):
        values = sitk.GetArrayFromImage(reader.Execute())
    if values.ndim not in (3, 4) or values.shape[0] != 1 or values.shape[3:] not in ((), (3,)):
        told = f"{values.shape[0]} frames" if values.shape[0] != 1 else f"the shape {values.shape}"
        raise DataError(
            f"{printable(path)} holds {told}, and one image a file is needed. Write each into its own file."
        )
    image: np.ndarray = values[0]
    return image


def dicom_size(path: Path) -> tuple[int, int]:
    """(height, width) of the image in a file, from its header.

    Raises:
        DataError: The file is missing or no DICOM; the message names it.
    """
    width, height = _header(path).GetSize()[:2]
    return int(height), int(width)


def _header(path: Path) -> Any:
    """A reader that has looked at a file's header.

    Raises:
        DataError: There is no DICOM file.
    """
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    with reading("DICOM image", path):
        path.open("rb").close()  # what is missing or locked is told in a sentence, which the library does not
        reader.ReadImageInformation()
    return reader


def _series(folder: Path, name: str) -> tuple[str, ...]:
    """The files of the one series, in order of their places."""
    import SimpleITK as sitk

    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not series:
        raise DataError(f"{name} holds no DICOM series. Point to a folder with its files, or to a NIfTI file.")
    if len(series) > 1:
        raise DataError(f"{name} holds {len(series)} DICOM series. Put each into a folder of its own.")
    return tuple(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0]))


def _slice(file: str, name: str) -> _Slice:
    import SimpleITK as sitk

    reader = _header(Path(file))
    with reading("DICOM image", Path(file)):
        values = sitk.GetArrayFromImage(reader.Execute())
        if values.ndim != 3:
            raise DataError(f"{name} holds {values.shape[-1]} channels, not grey values. Convert it.")
        if len(values) != 1:
            raise DataError(f"{name}: {Path(file).name} holds {len(values)} slices. Write each into its own file.")
        position, cosines = (
            np.array([float(part) for part in reader.GetMetaData(key).split("\\")]) for key in (_POSITION, _ORIENTATION)
        )
    x, y = reader.GetSpacing()[:2]
    return _Slice(values[0].T.astype(np.float32), (x, y), cosines.reshape(2, 3), position, Path(file).name)


def _check_alike(slices: list[_Slice], name: str) -> None:
    """All slices must have one size, one spacing and one orientation: else they are of several volumes."""
    first = slices[0]
    for one in slices[1:]:
        for what, differs in (
            ("size", one.values.shape != first.values.shape),
            ("pixel spacing", not np.allclose(one.spacing, first.spacing, rtol=_TURNED, atol=0)),
            ("orientation", np.abs(one.axes - first.axes).max() > _TURNED),
        ):
            if differs:
                raise DataError(
                    f"{name}: {one.file} has another {what} than {first.file}. Put each volume into its own folder."
                )


def _check_complete(slices: list[_Slice], name: str) -> None:
    """Slices must be evenly spaced along one line: a gap is a lost file."""
    if len(slices) < 2:
        raise DataError(f"{name} holds a single slice, no volume. Restore the series' other files.")
    steps = np.array([after.position - before.position for before, after in pairwise(slices)])
    normal = _normal(slices[0])
    along = np.abs(steps @ normal)
    usual = float(np.median(along))
    across = steps - np.outer(steps @ normal, normal)
    sideways = np.linalg.norm(across - np.median(across, axis=0), axis=1)
    if same := np.flatnonzero(along <= _UNEVEN * usual).tolist():
        both = " and ".join(one.file for one in slices[same[0] : same[0] + 2])
        raise DataError(f"{name}: {both} lie at the same place. Keep one volume's slices in the folder.")
    wrong = (np.abs(along - usual) > _UNEVEN * usual) | (sideways > _SIDEWAYS * usual)
    if wrong.any():
        at = slices[int(np.argmax(wrong)) + 1].file
        raise DataError(f"{name}: slices are not evenly spaced before {at}. Restore the missing files of the series.")


def _affine(slices: list[_Slice]) -> np.ndarray:
    """(4, 4), voxel numbers to millimetres, right-anterior-superior positive."""
    first, last = slices[0], slices[-1]
    step = (last.position - first.position) / (len(slices) - 1)
    affine = np.eye(4)
    affine[:3, :3] = _TO_RAS @ np.stack([*(first.axes.T * first.spacing).T, step], axis=-1)
    affine[:3, 3] = _TO_RAS @ first.position
    return affine


def _normal(one: _Slice) -> np.ndarray:
    return np.cross(one.axes[0], one.axes[1])
