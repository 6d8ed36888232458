"""Bytes in words."""

from __future__ import annotations


def amount(count: int) -> str:
    """Bytes as ``900 bytes``, ``12 MB`` or ``3.4 GB``, so that no amount reads as nothing."""
    if count < 1e5:
        return f"{count:,} bytes"
    if count < 1e9:
        return f"{count / 1e6:.3g} MB" if count < 1e6 else f"{count / 1e6:.0f} MB"
    return f"{count / 1e9:.1f} GB"
