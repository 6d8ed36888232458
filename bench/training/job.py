"""Stage jobs: what has to be trained once, however many cells report it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from bench.cells.recipes import STREAM_FIELDS, Recipe
from bench.methods import Method, Stage

LATER_STAGE_FIELDS = frozenset({"stage2_lr"})  # do not touch the first stage


@dataclass(frozen=True)
class StageJob:
    """One stage of one cell; cells whose stages agree in every digit share the job.

    Attributes:
        key: Content hash of everything that decides the result; the address of its checkpoint.
        index: 0 for the first stage.
        selection: "val_best", "last" or "test_best".
        parent: The stage this one starts from.
    """

    key: str
    index: int
    method: Method
    recipe: Recipe
    seed: int
    stage: Stage
    selection: str
    parent: StageJob | None = None

    @property
    def shares_trunk(self) -> bool:
        """Whether the trunk stays exactly as pre-trained, so that one forward pass serves many heads."""
        return self.index == 0 and self.stage.trains == "head" and not self.method.injects

    @property
    def base_lr(self) -> float:
        """The stage's learning rate before schedule."""
        return self.recipe.lr * (self.recipe.stage2_lr if self.index else 1.0)

    def chain(self) -> list[StageJob]:
        """The stages from the first to this one."""
        return [*(self.parent.chain() if self.parent else []), self]


def stage_jobs(
    method: Method, recipe: Recipe, seed: int, selection: str, context_key: str, source: str
) -> list[StageJob]:
    """Return a cell's stages in order.

    Args:
        context_key: Identity of the data, the weights and the image stream.
        source: Fingerprint of the method's source.
    """
    jobs: list[StageJob] = []
    for index, stage in enumerate(method.stages()):
        key = _key(method, recipe, seed, selection, context_key, source, index)
        parent = jobs[-1] if jobs else None
        jobs.append(StageJob(key, index, method, recipe, seed, stage, selection, parent))
    return jobs


def _key(method: Method, recipe: Recipe, seed: int, selection: str, context_key: str, source: str, index: int) -> str:
    dropped = set(STREAM_FIELDS) | (LATER_STAGE_FIELDS if index == 0 else set())
    stages = [
        [stage.name, stage.trains if isinstance(stage.trains, str) else repr(method)]
        for stage in method.stages()[: index + 1]
    ]
    parts = {
        "context": context_key,
        "method": [method.plugin_name(), source, method.model_dump(mode="json", exclude=set(method.stage_only))],
        "stages": stages,
        "recipe": recipe.model_dump(mode="json", exclude=dropped),
        "seed": seed,
        "selection": selection,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
