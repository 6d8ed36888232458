"""Staged fine-tuning without an adapter: first the classifier, then everything."""

from __future__ import annotations

from bench.methods import Method, Stage


class StagedFinetune(Method):
    """Linear probe, then full fine-tuning from its best epoch ("SFT" without adapter in CLAdapter's Table 3)."""

    title = "Staged fine-tuning"
    needs_tokens = False

    def stages(self) -> list[Stage]:
        return [Stage("stage1"), Stage("stage2", trains="all")]
