"""What a method's hooks are given: the parameters of a stage, one optimiser step, and the selected state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from bench.backbones.base import Backbone
from bench.backbones.features import Features
from bench.cells.recipes import Recipe
from bench.methods.model import Model
from bench.tasks.base import Metric

if TYPE_CHECKING:
    from bench.methods.base import Stage

State = dict[str, Tensor]


@dataclass
class Memory:
    """Tensors that a method keeps between the steps of a stage; they are in the checkpoint.

    Attributes:
        kept: By names of the method's own.
        evaluated: By names of the model's state: they take its place wherever it is evaluated, selected and saved.
    """

    kept: State = field(default_factory=dict)
    evaluated: State = field(default_factory=dict)


@dataclass(frozen=True)
class Trainables:
    """What a stage trains.

    Attributes:
        parameters: By name, in the model's order.
        build: Makes an optimiser, by a name as in the recipe, of some of the names, with options of its own.
    """

    parameters: dict[str, Parameter]
    stage: Stage
    recipe: Recipe
    build: Callable[[str, Sequence[str], dict[str, Any]], Optimizer]

    def optimizer(self, name: str = "", only: Iterable[str] | None = None, **options: Any) -> Optimizer:
        """An optimiser with the recipe's rate and decay for each of its parameters.

        Args:
            name: As in the recipe; empty: the recipe's.
            only: Names of its parameters; None: all.
            options: Further arguments of the optimiser.
        """
        return self.build(name or self.recipe.optimizer, list(self.parameters if only is None else only), options)


class Engine(Protocol):
    """What a step asks of the engine."""

    def forward_pass(self, inputs: Features | Tensor) -> tuple[Features, Tensor]:
        """Features, and outputs (B, ...) in float32."""

    def loss_of(self, features: Features, outputs: Tensor, targets: Tensor) -> Tensor:
        """The task's loss plus the method's own, a scalar."""

    def update(self, clip: bool = True) -> None:
        """Let the optimisers step."""

    def precision(self) -> AbstractContextManager[Any]:
        """The recipe's precision as a context."""

    def tensors(self) -> State:
        """The trained parameters and the buffers that training may change."""


@dataclass(frozen=True)
class Step:
    """One optimiser step, or the part of its batch that `Method.training_step` computes a loss of.

    Attributes:
        inputs: Features of the shared backbone, or normalised inputs (B, *input_shape) where the method trains its own.
        targets: (B, ...) as the task gives them.
        size: Samples of the whole batch.
        number: Steps of the stage before this one.
        total: Steps of the whole stage.
        trained: The stage's parameters by name.
        pretrained: The backbone as it was pre-trained, in evaluation mode; never change it.
        memory: What the method keeps between steps.
    """

    model: Model
    inputs: Features | Tensor
    targets: Tensor
    size: int
    number: int
    total: int
    stage: Stage
    recipe: Recipe
    trained: dict[str, Parameter]
    pretrained: Backbone
    optimizers: Sequence[Optimizer]
    memory: Memory
    engine: Engine

    def forward(self) -> tuple[Features, Tensor]:
        """Features, and outputs (B, ...) in float32."""
        return self.engine.forward_pass(self.inputs)

    def loss_of(self, features: Features, outputs: Tensor) -> Tensor:
        """The task's loss of outputs plus `Method.extra_loss`, a scalar."""
        return self.engine.loss_of(features, outputs, self.targets)

    def loss(self) -> Tensor:
        """Forward pass, task's loss and `Method.extra_loss`."""
        return self.loss_of(*self.forward())

    def update(self, clip: bool = True) -> None:
        """Clip gradients as the recipe says, and let every optimiser step."""
        self.engine.update(clip)

    def tensors(self) -> State:
        """The trained parameters and the buffers that training may change, by name; the model's own, not copies."""
        return self.engine.tensors()

    def precision(self) -> AbstractContextManager[Any]:
        """A context in which the forward pass has the recipe's precision."""
        return self.engine.precision()


@dataclass(frozen=True)
class Selected:
    """The selected state of a stage that is through.

    Attributes:
        model: Holds it; what `Method.finish` leaves there is what is evaluated and saved.
        state: It, by name: trained parameters and buffers.
        start: The same tensors as the stage began with.
        score: The metric that selects, on the validation split, of the model as it stands; raises DataError where there
            is no such split.
        metric: That metric.
    """

    model: Model
    stage: Stage
    recipe: Recipe
    state: State
    start: State
    score: Callable[[], float]
    metric: Metric

    def load(self, state: State) -> None:
        """Set the model's tensors of these names."""
        own = self.model.state_dict()
        with torch.no_grad():
            for name, value in state.items():
                own[name].copy_(value)
