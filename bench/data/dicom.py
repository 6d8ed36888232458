"""DICOM: a folder with one series as a volume, through torchio, and single files as images, through SimpleITK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import DataError
from bench.data.folders import printable
from bench.data.generators import generators_kept
from bench.data.nifti import Volume, check_values

_POSITION, _ORIENTATION = "0020|0032", "0020|0037"  # of a slice, in mm and as direction cosines
SUFFIX = ".dcm"
_UNEVEN = 0.01  # of the usual distance between slices


def read_dicom(folder: Path) -> Volume:
    """Read the series.

    Raises:
        DataError: The folder holds no series or several, a slice is missing or unreadable, or the volume is constant or
            not finite; the message names the folder and the fix.
    """
    import torchio

    name = printable(folder)
    files = _series(folder, name)
    _check_complete(files, name)
    try:
        with generators_kept():
            image = torchio.ScalarImage(folder)
            values, affine = image.numpy(), image.affine
    except RuntimeError as error:
        raise _unreadable(name, error) from error
    if values.shape[0] != 1:
        raise DataError(f"{name} holds {values.shape[0]} channels, not grey values. Convert it.")
    volume = Volume(values[0].astype(np.float32), affine, name)
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
    try:
        values = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise _unreadable_file(path, error) from error
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
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable_file(path, error) from error
    return reader


def _unreadable_file(path: Path, error: Exception) -> DataError:
    reason = "there is no file" if not path.exists() else " ".join(str(error).split())[-160:]
    return DataError(f"Cannot read the DICOM image {printable(path)}: {reason}. Restore it from the source.")


def _series(folder: Path, name: str) -> tuple[str, ...]:
    """The files of the one series, in order of their places."""
    import SimpleITK as sitk

    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not series:
        raise DataError(f"{name} holds no DICOM series. Point to a folder with its files, or to a NIfTI file.")
    if len(series) > 1:
        raise DataError(f"{name} holds {len(series)} DICOM series. Put each into a folder of its own.")
    return tuple(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0]))


def _check_complete(files: tuple[str, ...], name: str) -> None:
    """Slices must be evenly spaced along the axis they are stacked on: a gap is a lost file."""
    if len(files) < 2:
        raise DataError(f"{name} holds a single slice, no volume. Restore the series' other files.")
    places = [_place(file, name) for file in files]
    steps = np.abs(np.diff(places))
    usual = float(np.median(steps))
    uneven = np.flatnonzero(np.abs(steps - usual) > _UNEVEN * usual)
    if usual == 0 or len(uneven):
        at = Path(files[int(uneven[0]) + 1]).name if len(uneven) else Path(files[0]).name
        raise DataError(f"{name}: slices are not evenly spaced before {at}. Restore the missing files of the series.")


def _place(file: str, name: str) -> float:
    """Where a slice lies along its own normal, in mm."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    try:
        reader.ReadImageInformation()
        position, cosines = (
            np.array([float(part) for part in reader.GetMetaData(key).split("\\")]) for key in (_POSITION, _ORIENTATION)
        )
    except (RuntimeError, ValueError) as error:
        raise _unreadable(name, error) from error
    return float(np.cross(cosines[:3], cosines[3:]) @ position)


def _unreadable(name: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[-160:]
    return DataError(f"Cannot read the DICOM series in {name}: {reason}. Restore its files.")
