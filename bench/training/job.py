"""Stage jobs: what has to be trained once, however many cells report it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from bench.cells.recipes import STREAM_FIELDS, Recipe
from bench.methods.base import Method, Stage

LATER_STAGE_FIELDS = frozenset({"stage2_lr"})  # do not touch the first stage
# Do not touch a stage on the frozen backbone.
BACKBONE_FIELDS = frozenset({"backbone_lr", "layer_decay", "drop_path", "checkpointing", "compile"})
# `StageJob.epochs` says what comes of these.
EPOCH_FIELDS = frozenset({"epochs", "epochs_per", "head_epochs", "samples"})


@dataclass(frozen=True)
class StageJob:
    """One stage of one cell; cells whose stages agree in every digit share the job.

    Attributes:
        key: Content hash of everything that decides the result; the address of its checkpoint.
        index: 0 for the first stage.
        epochs: Of this stage.
        selection: "val_best", "last" or "test_best".
        parent: The stage this one starts from.
    """

    key: str
    index: int
    method: Method
    recipe: Recipe
    seed: int
    stage: Stage
    epochs: int
    selection: str
    parent: StageJob | None = None

    @property
    def shares_backbone(self) -> bool:
        """Whether the backbone stays exactly as pre-trained, so that one forward pass serves many heads."""
        return shares_backbone(self.method, self.stage, self.index)

    @property
    def base_lr(self) -> float:
        """The stage's learning rate before schedule."""
        return self.recipe.lr * (self.recipe.stage2_lr if self.index else 1.0)

    def chain(self) -> list[StageJob]:
        """The stages from the first to this one."""
        return [*(self.parent.chain() if self.parent else []), self]


def shares_backbone(method: Method, stage: Stage, index: int) -> bool:
    """Whether a stage trains only a head on the backbone as it was pre-trained, and no hook asks for its own."""
    return index == 0 and stage.trains == "head" and not method.injects and not method.own_backbone


def stage_jobs(
    method: Method, recipe: Recipe, seed: int, selection: str, context_key: str, source: str
) -> list[StageJob]:
    """Return a cell's stages in order.

    Args:
        context_key: Identity of the task, the data, the weights and the stream of inputs.
        source: Fingerprint of the method's source.
    """
    stages, jobs = method.stages(), list[StageJob]()
    epochs = stage_epochs(method, stages, recipe)
    common = {"context": context_key, "seed": seed, "selection": selection}
    for index, stage in enumerate(stages):
        described = [_described(method, *pair) for pair in zip(stages, epochs, strict=True)][: index + 1]
        dropped = _without_effect(index, shares_backbone(method, stage, index))
        key = _key(method, recipe, source, dropped, {**common, "stages": described})
        parent = jobs[-1] if jobs else None
        jobs.append(StageJob(key, index, method, recipe, seed, stage, epochs[index], selection, parent))
    return jobs


def stage_epochs(method: Method, stages: list[Stage], recipe: Recipe) -> list[int]:
    """Epochs of each stage: its own, else the recipe's for a frozen backbone, else the recipe's.

    With ``epochs_per=cell`` the recipe's epochs are divided among the stages that have none of their own, the first
    ones getting what is left over, at least one each.
    """
    fixed = [
        stage.epochs or (recipe.head_epochs if shares_backbone(method, stage, index) else None)
        for index, stage in enumerate(stages)
    ]
    if recipe.epochs_per == "stage":
        return [own or recipe.epochs for own in fixed]
    sharing = sum(own is None for own in fixed)
    share, left = divmod(recipe.epochs, sharing) if sharing else (0, 0)
    found = []
    for own in fixed:
        found.append(own or max(1, share + (left > 0)))
        left -= own is None
    return found


def _described(method: Method, stage: Stage, epochs: int) -> list[object]:
    trains = stage.trains if isinstance(stage.trains, str) else repr(method)
    return [stage.name, trains, [repr(group) for group in stage.groups], epochs]


def _without_effect(index: int, frozen: bool) -> set[str]:
    """Recipe fields that decide nothing of a stage, or that its key states otherwise."""
    later = LATER_STAGE_FIELDS if index == 0 else frozenset()
    return {*STREAM_FIELDS, *EPOCH_FIELDS, *later, *(BACKBONE_FIELDS if frozen else ())}


def _key(method: Method, recipe: Recipe, source: str, dropped: set[str], common: dict[str, object]) -> str:
    facts = {
        **common,
        "method": [method.plugin_name(), source, method.model_dump(mode="json", exclude=set(method.stage_only))],
        "recipe": recipe.model_dump(mode="json", exclude=dropped),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
