"""What a method is: which parameters train, in what order, and what stands between features and logits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import Tensor, nn

from bench.backbones import Features, FeatureSpec
from bench.cells.params import Params

if TYPE_CHECKING:
    from bench.backbones.base import Backbone
    from bench.methods.model import Model


@dataclass(frozen=True)
class Stage:
    """One training stage.

    Attributes:
        name: Shown in records and tables ("stage1").
        trains: "head" (the head and what `Method.inject` added), "all", or a rule on parameter names, which
            begin with "backbone." or "head.".

    Every stage has its own optimiser and warm-up and starts from the best checkpoint of the stage before it; the
    recipe's `stage2_lr` scales the learning rate of every stage after the first.
    """

    name: str
    trains: str | Callable[[str], bool] = "head"


class Method(Params):
    """Base of methods trained by gradient descent; one subclass a file in ``baselines/``.

    Fields are the method's parameters; each needs a description. Subclasses give `head` and, where they
    differ from a probe, `stages`, `inject`, `penalty` and `families`.
    """

    families: ClassVar[tuple[str, ...]] = ("vit", "cnn")  # backbones the idea applies to
    stage_only: ClassVar[frozenset[str]] = frozenset()  # fields that choose stages but change neither head nor backbone
    needs_tokens: ClassVar[bool] = True  # False: the head reads only `Features.pooled`, so tokens need not be kept

    @classmethod
    def plugin_name(cls) -> str:
        """The stem of the file the class is written in."""
        return cls.__module__.rpartition(".")[2]

    def stages(self) -> list[Stage]:
        """The training stages in order."""
        return [Stage("stage1")]

    def head(self, features: FeatureSpec, classes: int) -> nn.Module:
        """Build the module from `Features` to logits (B, classes); it must not change features in place."""
        raise NotImplementedError

    def inject(self, backbone: Backbone) -> None:
        """Change the backbone in place (LoRA, prompts). Parameters added here train in "head" stages."""

    def penalty(self, model: Model, start: dict[str, Tensor]) -> Tensor | None:
        """A term added to the loss, or None.

        Args:
            model: The model in training; parameter names begin with "backbone." or "head.".
            start: The pre-trained backbone parameters by the same names.
        """
        return None

    def diagnose(self, model: Model, batches: Iterable[tuple[Features, Tensor]]) -> dict[str, Any]:
        """What a reader may want to know of the trained model; JSON values that enter the record.

        Args:
            model: In evaluation mode, with the selected parameters; gradients are off.
            batches: Features and labels (B,) of the validation split (of the test split where there is none).
        """
        return {}

    @property
    def injects(self) -> bool:
        """Whether the method changes the backbone."""
        return type(self).inject is not Method.inject


class FeatureMethod(Params):
    """Base of floor and closed-form methods, fitted on frozen features without gradient training."""

    families: ClassVar[tuple[str, ...]] = ("vit", "cnn")

    @classmethod
    def plugin_name(cls) -> str:
        """The stem of the file the class is written in."""
        return cls.__module__.rpartition(".")[2]

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, classes: int) -> Fitted:
        """Fit on the training features; `val`, when there is one, may choose a strength.

        Without validation data a strength is chosen by inner cross-validation on `train`.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class FeatureSplit:
    """Frozen features of one split.

    Attributes:
        x: (n, pooled_dim) float32.
        y: (n,) class numbers.
    """

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """What `FeatureMethod.fit` returns.

    Attributes:
        predict: (n, pooled_dim) -> scores (n, classes); their softmax is used for NLL and ECE.
        parameters: Number of fitted numbers, 0 for methods that store none.
        chosen: What was selected and how, for the record, e.g. {"strength": 10.0, "by": "validation accuracy"}.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    parameters: int = 0
    chosen: dict[str, object] | None = None
