"""What the ways of lifting a 2D backbone to volumes have in common."""

from __future__ import annotations

from typing import Literal

# Whether the order of slices changes the pooled vector: never; not at the start, but weights can learn it; from the
# start. A frozen backbone that has not learnt it treats "learnable" as "ignored".
DepthOrder = Literal["ignored", "learnable", "used"]
