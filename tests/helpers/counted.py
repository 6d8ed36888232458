"""How many samples of each class a prepared data set has."""

from __future__ import annotations

import numpy as np

from bench.data.prepare import Prepared


def crosstab(prepared: Prepared) -> dict[str, list[int]]:
    """Split -> samples of each class."""
    return {
        s: np.bincount(prepared.table["label"].to_numpy()[prepared.rows(s)]).tolist() for s in ("train", "val", "test")
    }
