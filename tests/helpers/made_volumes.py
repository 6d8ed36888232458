"""Small volumes and their files for tests."""

from __future__ import annotations

import locale
from collections.abc import Callable, Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

SHAPE = (11, 14, 9)  # x, y, z: no two sides are equal
SPACING = (0.7, 1.3, 2.1)


def voxels(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Smooth random float32 values, different in every direction."""
    rng = np.random.default_rng(seed)
    ramps = np.meshgrid(*(np.linspace(0, 10 * (axis + 1), side) for axis, side in enumerate(shape)), indexing="ij")
    return (sum(ramps) + rng.normal(size=shape)).astype(np.float32)


def affine(spacing: tuple[float, ...] = SPACING) -> np.ndarray:
    """Right-anterior-superior axes, with an origin that is no round number."""
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = (-31.7, 12.3, 101.9)
    return matrix


def image(values: np.ndarray, matrix: np.ndarray | None = None) -> nib.Nifti1Image:
    """A NIfTI image that says how it is oriented."""
    made = nib.Nifti1Image(values, affine() if matrix is None else matrix)
    made.set_sform(made.affine, code=1)
    made.set_qform(made.affine, code=1)
    return made


def saved(path: Path, values: np.ndarray, matrix: np.ndarray | None = None, axes: str = "RAS") -> Path:
    """Write values (in RAS order) with axes stored in another order and direction."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = image(values, matrix)
    wanted = ornt_transform(io_orientation(made.affine), axcodes2ornt(axes))
    turned = made.as_reoriented(wanted)
    nib.save(image(np.asanyarray(turned.dataobj), made.affine @ inv_ornt_aff(wanted, values.shape)), path)
    return path


def dicom(
    folder: Path,
    values: np.ndarray,
    uid: str = "1.2.3.4",
    skip: tuple[int, ...] = (),
    changed: Callable[[int], Mapping[str, str]] = lambda number: {},
) -> Path:
    """Write a series of uint16 slices (x, y, z) with SPACING; ``skip`` leaves slices out, ``changed`` gives the tags of
    one of them that are to be others."""
    known = locale.setlocale(locale.LC_ALL)
    folder.mkdir(parents=True, exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number in range(values.shape[2]):
        if number in skip:
            continue
        piece = sitk.GetImageFromArray(values[None, :, :, number].transpose(0, 2, 1).astype(np.uint16))
        piece.SetSpacing(SPACING)
        tags = {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2", "0008|0018": f"{uid}.{number + 1}", "0008|0060": "CT",
            "0020|000d": "1.2.3", "0020|000e": uid, "0020|0013": str(number),
            "0020|0032": f"-3.5\\4.25\\{SPACING[2] * number}", "0020|0037": "1\\0\\0\\0\\1\\0",
        }  # fmt: skip
        for tag, value in {**tags, **changed(number)}.items():
            piece.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{uid}-{number:03d}.dcm"))
        writer.Execute(piece)
    locale.setlocale(locale.LC_ALL, known)  # writing DICOM sets the process's locale to C; reading does not
    return folder


def participants(root: Path, count: int = 20, columns: str = "path\tlabel\tgroup\ttarget") -> Path:
    """Volumes of two classes and ten patients in mixed orientations, with their label maps."""
    place = root / "brains"
    lines = [columns]
    for n in range(count):
        axes = ("RAS", "LAS", "PSR")[n % 3]
        saved(place / "scans" / f"{n}.nii.gz", voxels(n), axes=axes)
        saved(place / "maps" / f"{n}.nii.gz", (voxels(n) > 20).astype(np.uint8), axes=axes)
        lines.append(f"scans/{n}.nii.gz\t{'ad' if n % 2 else 'cn'}\tp{n // 4 * 2 + n % 2}\tmaps/{n}.nii.gz")
    (place / "participants.tsv").write_text("\n".join(lines) + "\n")
    return place
