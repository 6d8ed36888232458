"""WiSE-FT: the mean of fine-tuned weights and those that fine-tuning began with."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bench.methods import Method, Selected, Stage
from bench.methods.hooks import State
from bench.tasks.base import better

TRIED = tuple(tenth / 10 for tenth in range(11))


class WiSEFT(Method):
    """WiSE-FT (Wortsman et al., CVPR 2022): ``(1 - alpha) w0 + alpha w1`` of all weights, running statistics included.

    The paper's w0 is a zero-shot classifier; without text it is the linear probe on the pre-trained backbone, with
    which stage 2, full fine-tuning to w1, begins (LP-FT, Kumar et al., ICLR 2022). ``alpha`` is chosen on validation
    among 0, 0.1, ..., 1, of equals the smallest; the record keeps the curve
    (`bench plot choice`). The paper chooses none and shows 0.5.
    """

    title = "WiSE-FT"
    needs_tokens = False

    alpha: float | None = Field(None, ge=0, le=1, description="share of the fine-tuned weights; none: by validation")

    @property
    def needs_validation(self) -> bool:
        return self.alpha is None

    def stages(self) -> list[Stage]:
        return [Stage("stage1"), Stage("stage2", trains="all")]

    def finish(self, selected: Selected) -> dict[str, Any]:
        if selected.stage.name != "stage2":
            return {}
        if self.alpha is not None:
            selected.load(mixed(selected.start, selected.state, self.alpha))
            return {}
        scores = [self._score(selected, alpha) for alpha in TRIED]
        best = 0
        for place, score in enumerate(scores):
            best = place if better(selected.metric, score, scores[best]) else best
        selected.load(mixed(selected.start, selected.state, TRIED[best]))
        tried = {"parameter": "alpha", "values": list(TRIED), "metric": selected.metric.name, "scores": scores}
        return {"choice": {**tried, "chosen": TRIED[best]}}

    def _score(self, selected: Selected, alpha: float) -> float:
        selected.load(mixed(selected.start, selected.state, alpha))
        return selected.score()


def mixed(start: State, end: State, alpha: float) -> State:
    """``(1 - alpha) start + alpha end`` of every tensor of numbers with a point; others are the end's."""
    return {
        name: (1 - alpha) * start[name] + alpha * value if value.is_floating_point() else value
        for name, value in end.items()
    }
