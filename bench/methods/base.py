"""What a method is: which parameters train, in what order and how fast, and what turns features into outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.backbones.features import FAMILIES, Family, Features
from bench.cells.params import Params
from bench.core.errors import UsageError
from bench.methods.hooks import Selected, Step, Trainables
from bench.methods.parts import plain_head
from bench.plugins.contract import must_define
from bench.tasks.base import FeatureSplit, HeadSpec, Outputs

if TYPE_CHECKING:
    from bench.backbones.base import Backbone
    from bench.methods.model import Model


@dataclass(frozen=True)
class ParamGroup:
    """Parameters of a stage that train at another rate or decay than the others.

    Attributes:
        pattern: Of names, with ``*`` wild, such as ``backbone.*norm*``; the first group that fits a name has it.
        lr_scale: Times the rate that the recipe gives the parameter.
        weight_decay: Instead of the recipe's; None: the recipe's.
    """

    pattern: str
    lr_scale: float = 1.0
    weight_decay: float | None = None

    def fits(self, name: str) -> bool:
        """Whether a parameter's name, which begins with ``backbone.`` or ``head.``, belongs here."""
        return fnmatchcase(name, self.pattern)


@dataclass(frozen=True)
class Stage:
    """One training stage.

    Every stage has its own optimiser and warm-up and starts from the best checkpoints of the stages before it; the
    recipe's `stage2_lr` scales the learning rate of every stage after the first.

    Attributes:
        name: Shown in records and tables ("stage1").
        trains: "head" (the head and what `Method.inject` added), "all", or a rule on parameter names, which
            begin with "backbone." or "head.".
        groups: Other rates and decays for some of its parameters.
        epochs: Of this stage; None: as the recipe says.
    """

    name: str
    trains: str | Callable[[str], bool] = "head"
    groups: tuple[ParamGroup, ...] = ()
    epochs: int | None = None

    @property
    def trains_backbone(self) -> bool:
        """Whether pre-trained weights train; a rule on names counts as if it chose some."""
        return self.trains != "head"


@dataclass(frozen=True)
class Batch:
    """What a method's own loss may look at.

    Attributes:
        features: What the head read.
        targets: (B, ...) as the task gives them.
        start: The pre-trained backbone parameters by name ("backbone....").
    """

    features: Features
    targets: Tensor
    start: dict[str, Tensor]


class Method(Params):
    """Base of methods trained by gradient descent; one subclass a file in ``bench/baselines/``.

    Fields are the method's parameters; each needs a description. Subclasses give what differs from a linear probe:
    `head`, `stages`, `inject`, `extra_loss` and `families`; what trains otherwise than by one optimiser on the task's
    loss gives hooks too: `optimizers`, `training_step`, `optimize`, `after_step`, `finish`.
    """

    title: ClassVar[str] = ""  # for people; without one its name
    words: ClassVar[dict[str, str]] = {}  # of its fields in a title: see `bench.tables.titles`
    version: ClassVar[int] = 1  # raised when the same cell gives other numbers; see `bench.plugins.fingerprint`
    libraries: ClassVar[tuple[str, ...]] = ()  # that it needs, by import name, beyond what every installation has
    families: ClassVar[tuple[Family, ...]] = FAMILIES  # backbones the idea applies to
    identity_at_start: ClassVar[bool] = False  # True: what `inject` adds leaves features as they are until it trains
    stage_only: ClassVar[frozenset[str]] = frozenset()  # fields that choose stages but change neither head nor backbone
    needs_tokens: ClassVar[bool] = True  # False: the head reads only `Features.pooled`, so tokens need not be kept
    needs_text: ClassVar[bool] = False  # True: refused where class names have no text features
    undecayed: ClassVar[tuple[str, ...]] = ()  # last parts of the names of what no_decay spares, beside vectors
    mixes: ClassVar[bool] = True  # False: a loss of its own reads class numbers, which mixed samples have two of
    own_backbone: ClassVar[bool] = False  # True: a hook looks at inputs or at the backbone, so none is ever shared
    trivial_baseline: ClassVar[int] = 0

    @classmethod
    def plugin_name(cls) -> str:
        """The stem of the file the class is written in."""
        return cls.__module__.rpartition(".")[2]

    @property
    def needs_validation(self) -> bool:
        """Whether `finish` asks for a score on validation data; cells without them are refused before they train."""
        return False

    def stages(self) -> list[Stage]:
        """The training stages in order."""
        return [Stage("stage1")]

    def head(self, spec: HeadSpec) -> nn.Module:
        """Build the module from `Features` to outputs; it must not change features in place.

        The default is the task's plain head: for classification a linear layer on the pooled features.
        """
        return plain_head(spec)

    def inject(self, backbone: Backbone) -> None:
        """Change the backbone in place (LoRA, prompts). Parameters added here train in "head" stages."""

    def unfit(self, backbone: Backbone) -> str:
        """Why the method does not work on this backbone, to follow its name in a message; empty where it does."""
        return ""

    def extra_loss(self, model: Model, batch: Batch) -> Tensor | None:
        """A scalar added to the task's loss, or None; the model's parameter names begin with "backbone." or "head."."""
        return None

    def optimizers(self, trainables: Trainables) -> list[Optimizer]:
        """The optimisers of a stage, which together have each of its parameters once; the engine sets their rates."""
        return [trainables.optimizer()]

    def training_step(self, step: Step) -> Tensor:
        """The loss of a batch, a scalar; of each of its parts, where lack of memory or the recipe divides it."""
        return step.loss()

    def optimize(self, step: Step, closure: Callable[[], None]) -> None:
        """Change the parameters.

        Args:
            closure: Computes the batch's gradients, anew and with the same dropout each time it is called; only the
                first time counts for the recorded loss and for running statistics.
        """
        closure()
        step.update()

    def after_step(self, step: Step) -> None:
        """Do what follows a step: averages, projections. What must last is kept in `Step.memory`."""

    def finish(self, selected: Selected) -> dict[str, Any]:
        """Change the selected state when a stage is through; what is returned enters the record, as JSON values."""
        return {}

    def diagnose(self, model: Model, batches: Iterable[tuple[Features, Tensor]]) -> dict[str, Any]:
        """What a reader may want to know of the trained model; JSON values that enter the record.

        Args:
            model: In evaluation mode, with the selected parameters; gradients are off.
            batches: Features and targets (B, ...) of the validation split (of the test split where there is none).
        """
        return {}

    def export(self, head: nn.Module) -> dict[str, Tensor]:
        """The head's tensors in the naming of the code that the method's authors released.

        Raises:
            UsageError: Nobody has said how they are called there.
        """
        raise UsageError(f"{self.plugin_name()} has no released naming here; its kept weights are safetensors already.")

    @property
    def injects(self) -> bool:
        """Whether the method changes the backbone."""
        return type(self).inject is not Method.inject


class FeatureMethod(Params):
    """Base of trivial baseline and closed-form methods, fitted on frozen features without gradient training.

    Attributes:
        single_label: The targets must be one class number a sample.
        vectors: It also learns targets (n, outputs), float: 0 or 1 of each of several labels, or standardised numbers;
            `HeadSpec.outputs_are` tells which.
        needs_text: Refused where class names have no text features.
        needs_volumes: Refused where the backbone takes images; a trivial baseline that needs them is not missed in
            other tables.
        tasks: Names of the only tasks that it is for, where targets are something else; empty: see `single_label`.
        trivial_baseline: Place among the trivial baselines that every trained method should beat, the lowest is 1; 0:
            it is no trivial baseline.
    """

    title: ClassVar[str] = ""
    words: ClassVar[dict[str, str]] = {}
    version: ClassVar[int] = 1  # as of `Method`
    libraries: ClassVar[tuple[str, ...]] = ()
    families: ClassVar[tuple[Family, ...]] = FAMILIES
    single_label: ClassVar[bool] = True
    vectors: ClassVar[bool] = False
    needs_text: ClassVar[bool] = False
    needs_volumes: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = ()
    trivial_baseline: ClassVar[int] = 0

    @classmethod
    def plugin_name(cls) -> str:
        """The stem of the file the class is written in."""
        return cls.__module__.rpartition(".")[2]

    @must_define
    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        """Fit on the training features; `val`, when there is one, may choose a strength.

        Without validation data a strength is chosen by inner cross-validation on `train`.
        """
        raise NotImplementedError

    def measure(self, inputs: np.ndarray) -> np.ndarray:
        """What the method is fitted on in place of the backbone's features; only where a subclass defines it.

        Args:
            inputs: (n, H, W, C) or (n, D, H, W, C), some samples as cached for the backbone: uint8, or float16 in 0..1.

        Returns:
            (n, d) float32; a sample's row must not depend on the other samples.
        """
        raise NotImplementedError(f"{type(self).__name__} reads the backbone's features")

    @property
    def measures(self) -> bool:
        """Whether the method looks at the inputs themselves."""
        return type(self).measure is not FeatureMethod.measure


@dataclass(frozen=True)
class Fitted:
    """What `FeatureMethod.fit` returns.

    Attributes:
        predict: (n, pooled_dim) -> scores (n, outputs), or (n, ...) as the task's heads give them, taken as logits;
            or, by name, what the task keeps of predictions, n of each.
        parameters: Number of fitted numbers, 0 for methods that store none.
        chosen: What was selected and how, for the record, e.g. {"strength": 10.0, "by": "validation accuracy"}.
    """

    predict: Callable[[np.ndarray], np.ndarray | Outputs]
    parameters: int = 0
    chosen: dict[str, object] | None = None
