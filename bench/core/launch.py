"""Whether `torchrun` started this process with others, by the environment alone."""

from __future__ import annotations

import os


def launched() -> bool:
    """Whether torchrun started this process with others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "TORCHELASTIC_RUN_ID" in os.environ


def follows() -> bool:
    """Whether torchrun started this process as another than rank 0: it prints and writes nothing."""
    return launched() and os.environ["RANK"] != "0"
