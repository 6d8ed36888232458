"""What one cell produced: the record's fields.

Numbers that vary from one run to the next (times, memory, versions) live in `environment` and `hardware` only;
`Record.comparable` leaves those blocks out.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationInfo, model_validator


def _finite_list(numbers: Any, info: ValidationInfo) -> Any:
    """JSON has no NaN: what is undefined (AUC of one class) or diverged is stored as null.

    What comes from JSON is not looked through here, because reading 20,000 records would take seconds longer; that it
    holds only finite numbers is then checked by their type.
    """
    return numbers if info.mode == "json" else [_finite(number) for number in numbers]


def _finite_dict(metrics: Any, info: ValidationInfo) -> Any:
    return metrics if info.mode == "json" else {name: _finite(number) for name, number in metrics.items()}


def _finite(number: float | None) -> float | None:
    return number if number is None or math.isfinite(number) else None


# Environment facts whose difference between seeds a table warns of.
COMPARED_FACTS = ("torch", "gpu", "processor")

Numbers = Annotated[list[FiniteFloat | None], BeforeValidator(_finite_list)]
Metrics = Annotated[dict[str, FiniteFloat | None], BeforeValidator(_finite_dict)]


class Block(BaseModel):
    """A frozen part of a record; unknown fields are errors, so that an older reader never drops one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(Block):
    """A plug-in with every field resolved, defaults too."""

    name: str
    params: dict[str, Any] = {}


class Failure(Block):
    """Why a cell failed; `kind` is that of `bench.core.errors.BenchError`, or an exception's name."""

    kind: str
    message: str


class StageResult(Block):
    """One stage of training.

    Attributes:
        best_epoch: The epoch reported, from 1; None when the method has no epochs.
        selection: The criterion that chose it (`Record.selection` says on which split).
        metrics: Split -> metric -> value, as the record's task names them.
        n: Split -> number of samples.
        items: Split -> what statistics read: ``ids`` (a hash of the items' names in order), ``groups`` where the data
            have them, and scores by metric, packed as `bench.records.items` does.
        curves: Name (``lr``, ``train_loss``, ``val_loss``, ``val_accuracy``...) -> one number an epoch.
        trainable: Parameters trained in this stage.
    """

    name: str
    epochs: int = 0
    best_epoch: int | None = None
    selection: str = "last"
    metrics: dict[str, Metrics] = {}
    n: dict[str, int] = {}
    items: dict[str, dict[str, str]] = {}
    curves: dict[str, Numbers] = {}
    trainable: int = 0


class Selection(Block):
    """Which criterion chose what is reported, and on which data.

    Attributes:
        criterion: `val_best`, `last`, or the closed-form method's own ("strength").
        by: The data the criterion looked at; "test" is warned of in every table.
        labels: How many labels it looked at.
    """

    criterion: str
    by: Literal["val", "test", "inner_cv", "none"]
    labels: int = 0


class Parameters(Block):
    """Parameter counts: trained in any stage, added to the backbone, and all of them."""

    trainable: int = 0
    added: int = 0
    total: int = 0


class Macs(Block):
    """Multiply-accumulates of one image; None when they could not be counted."""

    backbone: int | None = None
    head: int | None = None


class Flags(Block):
    """What a reader must know before believing a number; tables warn of each.

    Attributes:
        partial: The data differ from the data set's published counts (`differences` says how).
        leaks: Declared leakage of the protocol, e.g. "patients in train and test".
        overlap: Why the backbone may have seen the data in pre-training: what it was trained on, or "unknown..." where
            that is not known; empty: it is known to be something else.
        test_selected: The reported epoch was chosen on the test split.
        batch_norm_frozen: The weights demand frozen batch norm.
        assumed: Recipe fields its source does not state.
        absent_classes: Split -> classes without a sample there. Macro averages of val and test leave them out; those
            absent from train cannot be learned.
        imbalance: Test samples of the largest class for each of the smallest; 0 where samples have not one class each.
        grid_edges: Chosen learning rates at the end of what was tried, in words.
    """

    partial: bool = False
    differences: dict[str, Any] = {}
    leaks: list[str] = []
    overlap: str = ""
    test_selected: bool = False
    batch_norm_frozen: bool = False
    assumed: list[str] = []
    absent_classes: dict[str, list[int]] = {}
    grid_edges: list[str] = []
    imbalance: float = 0.0
    notes: list[str] = []


class Budget(Block):
    """What was spent on training, the choice of learning rates included.

    Attributes:
        trials: Points of the learning-rate grid; the same for every method of a fair suite.
        offered: Epochs that all trials together might take; the same, too.
        epochs: Epochs trained: trials may stop early, and a stage that several share counts once.
    """

    trials: int = 0
    offered: int = 0
    epochs: int = 0


class Hardware(BaseModel):
    """What the run cost; further fields are welcome, because this block is never compared.

    Attributes:
        seconds: Wall time of the cell.
        peak_memory: Bytes, of the device or the process; None when unknown.
        device: `cpu`, `cuda:0`, ...
        threads: CPU threads of torch.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    seconds: float = 0.0
    peak_memory: int | None = None
    device: str = "cpu"
    threads: int = 1


class Record(Block):
    """One cell's result; see DESIGN "Records" for what each block is for.

    Attributes:
        cell: Canonical name, the record's address.
        task: The task plug-in that judged it.
        trivial_baseline: The method's place among the trivial baselines, from 1; 0 when it is none.
        metrics: Split -> metrics of the last stage (filled from `stages`).
        n: Split -> samples of the last stage (filled from `stages`).
        test_evaluations: How often the test split was looked at: once per reported stage.
        fingerprints: `method`, `task`, `data`, `recipe` (`preprocessing` for methods fitted on frozen features),
            `backbone` (the family) and `engine` -> version, or hash of a user's source; `weights` -> digest. A change
            makes it stale.
        predictions: sha256 of the prediction arrays' contents, set by the store; None for failures.
    """

    schema_version: Literal[3] = 3  # raised when a field changes its meaning
    cell: str
    task: str
    dataset: Part
    protocol: str
    backbone: Part
    method: Part
    trivial_baseline: int = 0
    recipe: Part
    seed: int
    data_seed: int
    status: Literal["done", "failed"] = "done"
    error: Failure | None = None
    stages: list[StageResult] = []
    metrics: dict[str, Metrics] = {}
    n: dict[str, int] = {}
    selection: Selection | None = None
    test_evaluations: int = 0
    parameters: Parameters = Parameters()
    macs: Macs = Macs()
    budget: Budget = Budget()
    flags: Flags = Flags()
    diagnostics: dict[str, Any] = {}
    fingerprints: dict[str, str] = {}
    predictions: str | None = None
    git_revision: str = ""
    environment: dict[str, Any] = {}
    hardware: Hardware = Field(default_factory=Hardware)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.status == "failed") != (self.error is not None):
            raise ValueError("a failed record needs an error, and only a failed one has it")
        if self.stages:
            object.__setattr__(self, "metrics", self.stages[-1].metrics)
            object.__setattr__(self, "n", self.stages[-1].n)
        return self

    def comparable(self) -> dict[str, Any]:
        """Everything that must be equal when the same cell runs again: time, environment and revision left out."""
        return self.model_dump(mode="json", exclude={"environment", "hardware", "git_revision"})

    def slim(self) -> Self:
        """The record without curves, diagnostics and most of the environment: all that tables need, at a tenth of the
        memory."""
        stages = [stage.model_copy(update={"curves": {}}) for stage in self.stages]
        environment = {key: self.environment[key] for key in COMPARED_FACTS if key in self.environment}
        return self.model_copy(update={"stages": stages, "diagnostics": {}, "environment": environment})


IMPORTED = "imported"  # the recipe of records whose predictions were made elsewhere
CLASS_NAMES = "class_names"  # the array (C,) str in a record's npz, where the data set names its classes


def prediction_key(split: str, what: str, stage: str | None = None) -> str:
    """Name of an array in a record's npz: ``val/ids``, ``val/targets``, ``stage1/val/logits``.

    Args:
        split: `val` or `test`.
        what: `ids` (n,) str, `targets` (n, ...), `group` and `domain` (n,) str where the data set has them, or what
            the task keeps of predictions: `logits` (n, classes).
        stage: The stage's name, for predictions only.
    """
    return f"{split}/{what}" if stage is None else f"{stage}/{split}/{what}"


def is_output(name: str) -> bool:
    """Whether an array holds predictions of a stage, not facts of the samples: see `prediction_key`."""
    return name.count("/") == 2
