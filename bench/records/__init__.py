"""Records: what one cell produced, and the folder they lie in. Imports neither torch nor timm."""

from bench.records.frame import load_records
from bench.records.schema import (
    Failure,
    Flags,
    Hardware,
    Macs,
    Parameters,
    Part,
    Record,
    Selection,
    StageResult,
    is_output,
    prediction_key,
)
from bench.records.store import CorruptRecord, Store

__all__ = [
    "CorruptRecord",
    "Failure",
    "Flags",
    "Hardware",
    "Macs",
    "Parameters",
    "Part",
    "Record",
    "Selection",
    "StageResult",
    "Store",
    "is_output",
    "load_records",
    "prediction_key",
]
