"""Left and right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from bench.core.errors import UsageError
from bench.data.augment.base import Augmentation


class Flip(Augmentation):
    """Mirrors left and right, at even odds."""

    title = "Flip"

    numbers: ClassVar[int] = 1
    moves_targets: ClassVar[bool] = True

    def check(self, input_shape: tuple[int, ...], forbidden_flips: Sequence[str]) -> None:
        if "horizontal" in forbidden_flips:
            raise UsageError(
                "augment=flip mirrors left and right, which would make other things of these data. "
                "Use augment=none, or another augmentation, which leaves out forbidden flips."
            )

    def flips(self, chance: np.ndarray) -> dict[str, np.ndarray]:
        return {"horizontal": chance[:, 0] < 0.5}
