"""Linear probe: a linear classifier on the frozen backbone's pooled features."""

from __future__ import annotations

from bench.methods import Method


class LinearProbe(Method):
    """Linear classifier on the frozen backbone's pooled features ("Linear" in the papers' tables)."""

    title = "Linear probe"
    needs_tokens = False
