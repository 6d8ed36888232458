"""What the headers of a set of volumes say, for the audit: nothing here reads a voxel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import DataError
from bench.data.formats.axes import orientation, spacing_of
from bench.data.formats.nifti import affine_of, check_geometry, contradicts_itself, read_header

_SHOWN = 3


@dataclass(frozen=True)
class Header:
    """One file's header.

    Attributes:
        id: The sample.
        shape: As stored.
        spacing: Voxel sides in mm along the axes right-left, anterior-posterior, superior-inferior.
        orientation: Where the axes point, e.g. "RAS"; "" where the file does not say.
        dtype: Of the stored numbers.
        problem: Why the file will be refused, or "".
        contradicts: Whether its two affines (sform, qform) give other voxel sides or orientations.
    """

    id: str
    shape: tuple[int, ...] = ()
    spacing: tuple[float, ...] = ()
    orientation: str = ""
    dtype: str = ""
    problem: str = ""
    contradicts: bool = False


def survey(files: Mapping[str, Path]) -> list[Header]:
    """The headers of NIfTI files, by sample id; a file that cannot be read is told in ``problem``."""
    return [_look(name, path) for name, path in files.items()]


def remarks(headers: Iterable[Header]) -> list[str]:
    """Lines for the audit: several spacings, orientations or types in one set, headers that contradict themselves, and
    files that will be refused."""
    headers = list(headers)
    sound = [header for header in headers if not header.problem]
    kinds = {
        "voxel spacings (mm)": Counter(" x ".join(f"{side:g}" for side in header.spacing) for header in sound),
        "orientations": Counter(header.orientation for header in sound),
        "types of number": Counter(header.dtype for header in sound),
    }
    lines = [f"{len(found)} {what}: {_most(found)}" for what, found in kinds.items() if len(found) > 1]
    return [*lines, *contradictory(sound), *_refused(headers)]


def contradictory(headers: Iterable[Header]) -> Iterator[str]:
    """A line on the files whose two affines contradict each other, if any do."""
    found = [header.id for header in headers if header.contradicts]
    if found:
        shown = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        files = f"{len(found)} header{'s' * (len(found) != 1)}"
        yield f"{files} whose sform and qform contradict each other; the sform is used: {shown}"


def _refused(headers: list[Header]) -> Iterator[str]:
    for header in headers:
        if header.problem:
            yield header.problem


def _most(found: Counter[str]) -> str:
    shown = ", ".join(f"{name} ({count})" for name, count in found.most_common(_SHOWN))
    return shown + (", ..." if len(found) > _SHOWN else "")


def _look(name: str, path: Path) -> Header:
    from nibabel.orientations import io_orientation

    try:
        header = read_header(path)
        check_geometry(header, str(path))
    except DataError as error:
        return Header(name, problem=str(error))
    affine = affine_of(header)
    stored = spacing_of(affine)
    order = [int(axis) for axis in io_orientation(affine)[:, 0]]
    spacing = tuple(stored[order.index(axis)] for axis in range(3))
    shape = tuple(int(side) for side in header.get_data_shape())
    dtype = str(header.get_data_dtype())
    return Header(name, shape, spacing, orientation(affine), dtype, contradicts=contradicts_itself(header))
