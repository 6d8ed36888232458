"""A record in fewer digits where it is only drawn: curves, and what stages say of their models (spectra, routing).
Metrics and items are never rounded."""

from __future__ import annotations

from typing import Any

CURVE_DIGITS = 5  # significant ones; a loss is seldom read to more than four
DRAWN_DIGITS = 3  # of singular values, a few hundred for each matrix of a model, and the like


def brief(record: dict[str, Any]) -> dict[str, Any]:
    """A record's JSON with rounded curves, and rounded lists in the stages' diagnostics; single numbers stay, such as
    the strength that ridge regression chose. Rounding it again changes nothing."""
    stages = [{**stage, "curves": _rounded(stage["curves"], CURVE_DIGITS)} for stage in record["stages"]]
    told = {name: _drawn(block) if isinstance(block, dict) else block for name, block in record["diagnostics"].items()}
    return {**record, "stages": stages, "diagnostics": told}


def _drawn(block: dict[str, Any]) -> dict[str, Any]:
    return {name: _rounded(value, DRAWN_DIGITS) if isinstance(value, dict | list) else value
            for name, value in block.items()}  # fmt: skip


def _rounded(value: Any, digits: int) -> Any:
    """Floats to so many significant digits, however deep; all else as it is."""
    if isinstance(value, dict):
        return {name: _rounded(one, digits) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one, digits) for one in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
