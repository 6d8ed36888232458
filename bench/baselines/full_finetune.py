"""Full fine-tuning: every parameter of the backbone and a linear classifier train together."""

from __future__ import annotations

from bench.methods import Method, Stage


class FullFinetune(Method):
    """Every parameter trains from the first step ("Full" in the papers' tables)."""

    title = "Full fine-tuning"

    def stages(self) -> list[Stage]:
        return [Stage("stage1", trains="all")]
