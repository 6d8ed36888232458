"""A record in fewer digits where it is only drawn: curves and spectra. Metrics and items are never rounded."""

from __future__ import annotations

from typing import Any

CURVE_DIGITS = 6  # significant ones; a loss is seldom read to more than four
SPECTRUM_DIGITS = 4  # of singular values, a few hundred for each matrix of a model


def brief(record: dict[str, Any]) -> dict[str, Any]:
    """A record's JSON with rounded curves and spectra; rounding it again changes nothing."""
    stages = [{**stage, "curves": _rounded(stage["curves"], CURVE_DIGITS)} for stage in record["stages"]]
    return {**record, "stages": stages, "diagnostics": {k: _drawn(v) for k, v in record["diagnostics"].items()}}


def _drawn(block: Any) -> Any:
    if not isinstance(block, dict) or "spectrum" not in block:
        return block
    return {**block, "spectrum": _rounded(block["spectrum"], SPECTRUM_DIGITS)}


def _rounded(lists: dict[str, list[Any]], digits: int) -> dict[str, list[Any]]:
    """Floats to so many significant digits; integers and null as they are."""
    return {
        name: [float(f"{number:.{digits}g}") if isinstance(number, float) else number for number in numbers]
        for name, numbers in lists.items()
    }
