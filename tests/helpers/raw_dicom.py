"""DICOM slices byte by byte: stored numbers beside a slope and an intercept, which libraries that write apply first."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

_PET = "1.2.840.10008.5.1.4.1.1.128"
_EXPLICIT = "1.2.840.10008.1.2.1"  # little endian
_LONG = ("OW",)


def write_slice(path: Path, stored: np.ndarray, number: int, slope: float, intercept: float) -> None:
    """Write one slice, uint16 (X, Y), of a series along z with a distance of 3 mm."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns, rows = stored.shape
    body = [
        (0x0008, 0x0016, "UI", _PET), (0x0008, 0x0018, "UI", f"1.2.9.{number + 1}"), (0x0008, 0x0060, "CS", "PT"),
        (0x0020, 0x000D, "UI", "1.2.3"), (0x0020, 0x000E, "UI", "1.2.9"), (0x0020, 0x0013, "IS", f"{number}"),
        (0x0020, 0x0032, "DS", f"0\\0\\{3 * number}"), (0x0020, 0x0037, "DS", "1\\0\\0\\0\\1\\0"),
        (0x0028, 0x0002, "US", 1), (0x0028, 0x0004, "CS", "MONOCHROME2"), (0x0028, 0x0010, "US", rows),
        (0x0028, 0x0011, "US", columns), (0x0028, 0x0030, "DS", "2\\2"), (0x0028, 0x0100, "US", 16),
        (0x0028, 0x0101, "US", 16), (0x0028, 0x0102, "US", 15), (0x0028, 0x0103, "US", 0),
        (0x0028, 0x1052, "DS", f"{intercept}"), (0x0028, 0x1053, "DS", f"{slope}"),
        (0x7FE0, 0x0010, "OW", stored.T.astype("<u2").tobytes()),
    ]  # fmt: skip
    meta = [(2, 2, "UI", _PET), (2, 3, "UI", f"1.2.9.{number + 1}"), (2, 0x10, "UI", _EXPLICIT), (2, 0x12, "UI", "1.2")]
    begin = b"".join(_element(*one) for one in meta)
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(begin))
    path.write_bytes(bytes(128) + b"DICM" + length + begin + b"".join(_element(*one) for one in body))


def _element(group: int, element: int, kind: str, value: str | int | bytes) -> bytes:
    if isinstance(value, int):
        value = struct.pack("<H", value)
    if isinstance(value, str):
        value = value.encode()
        value += (b"\0" if kind == "UI" else b" ") * (len(value) % 2)
    if kind in _LONG:
        return struct.pack("<HH2sHI", group, element, kind.encode(), 0, len(value)) + value
    return struct.pack("<HH2sH", group, element, kind.encode(), len(value)) + value
