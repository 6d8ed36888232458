"""Variables of the environment that make torch faster, read once when it is loaded. No bit of a result depends on them.

They are set where the command line and a run begin, never by ``import bench``.
"""

from __future__ import annotations

import os
import sys

VARIABLES = {
    # Idle threads that spin long make a training step ten times slower as soon as another process wants the same cores.
    "GOMP_SPINCOUNT": "1000",
    # Large tensors in large pages (Linux): gradients of a large head are allocated anew in every step, and page by page
    # the kernel takes as long to hand them out as the head takes to compute.
    "THP_MEM_ALLOC_ENABLE": "1",
}


def set_before_torch() -> None:
    """Set those that are not set already; nothing where torch has been loaded, since it would not notice."""
    if "torch" not in sys.modules:
        for name, value in VARIABLES.items():
            os.environ.setdefault(name, value)
