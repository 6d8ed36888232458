"""What a task is: what is learned from a sample, and how predictions are judged. Imports neither torch nor timm.

One file a task; its public subclass of `Task` is found by the file's stem, which a data set names (``task = "..."``).
Training, evidence and tables speak through this contract only, so that adding a task adds one file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from bench.core.errors import UsageError, nearest
from bench.plugins.contract import must_define

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from torch import Tensor, nn

    from bench.backbones.base import TextEncoder
    from bench.backbones.features import FeatureSpec
    from bench.cells.recipes import Recipe
    from bench.tasks.found import Found
    from bench.tasks.inspection import Inspection

Outputs = dict[str, np.ndarray]  # name -> (n, ...): what is kept of the predictions of n samples


@dataclass(frozen=True)
class Metric:
    """One number that judges a split.

    Attributes:
        unit: "%" for fractions, which people are shown in percent; else a unit such as "nats", or nothing.
        low, high: The values that it can take.
        decimals: Digits shown after the point.
        shown: Whether it stands in tables without being asked for; the headline always does.
        per_item: Whether a single item has a value of its own, so that a part of the items has their mean.
    """

    name: str
    unit: str = "%"
    low: float = 0.0
    high: float = 1.0
    higher_is_better: bool = True
    decimals: int = 2
    shown: bool = False
    per_item: bool = False

    def alike(self, one: float, other: float) -> bool:
        """Whether two values are the same number as people are shown it; rows that are so share a place."""
        digits = self.decimals + (2 if self.unit == "%" else 0)
        return round(one, digits) == round(other, digits)


@dataclass(frozen=True)
class HeadSpec:
    """What a head is built for: the one argument of `Method.head` and of `FeatureMethod.fit`.

    Attributes:
        features: What the backbone hands over.
        outputs: Width of the output: classes of a classification.
        names: Names of the outputs in order; empty where nobody knows them.
        text: (outputs, pooled_dim) text features of the names in the space of the pooled features, raw or normalised
            as their source gives them; None where there are none.
        encoder: The model's own text encoder, for heads that learn what it reads; see `bench.methods.build`.
        support: Gives the training split's frozen pooled features and targets, for heads that start from them.
        outputs_are: What methods fitted on features give: logits among "classes", a logit of each of several "labels",
            or "values" of standardised numbers.
        plain: Builds the head that methods without one of their own take, and that those which change features put
            behind them; None: a linear layer on the pooled features.
    """

    features: FeatureSpec
    outputs: int
    names: tuple[str, ...] = ()
    text: Tensor | None = None
    encoder: TextEncoder | None = None
    support: Callable[[], FeatureSplit] | None = None
    plain: Callable[[HeadSpec], nn.Module] | None = None
    outputs_are: Literal["classes", "labels", "values"] = "classes"


@dataclass(frozen=True)
class FeatureSplit:
    """Frozen features of one split.

    Attributes:
        x: (n, pooled_dim) float32.
        y: (n, ...) targets; class numbers (n,) where the task has one a sample.
    """

    x: np.ndarray
    y: np.ndarray


class Task:
    """Base of all tasks; stateless.

    Attributes:
        version: Raised when the same predictions are judged, or the same cell is trained, otherwise.
        metrics: All metrics; the first is the headline: selection, trivial baselines and ranking go by it.
        single_label: Every sample has one class number in the table's column ``label``: splits are balanced over it,
            ``shots`` counts it, classes without a training sample are refused.
        vectors: What is learned of a sample is a vector of its outputs' width, float: several labels, or numbers.
        target: Where targets lie: in the "table", or with the samples, where the data set's `read_target` gives them
            and augmentation moves them along with the input: a "map" of the input's height and width, or "boxes".
        heads: Names of the plain heads that a recipe may choose from; the first is taken where it says nothing.
        losses: Names of the losses that a recipe may choose from; the first is taken where it says nothing.
        needs_levels: Heads read `Features.levels`.
        at_once: Most samples whose outputs are held together in evaluation; None: a whole evaluation batch.
        weighs_classes: The loss heeds a recipe's ``class_weight``.
        mixes: The loss takes `soft` targets, so that a recipe's ``mixup`` and ``cutmix`` may mix samples.
        libraries: Import names of what it needs beyond what every installation has -> the head that needs it, empty
            where every head does.
        deterministic: Every operation has an algorithm that gives the same bits each time; records say if not.
        facts: Facts of a run that its tables show without being asked; see `bench.tables.rows.FACTS`.
    """

    title: ClassVar[str] = ""
    version: ClassVar[int] = 1
    metrics: ClassVar[tuple[Metric, ...]] = ()
    single_label: ClassVar[bool] = False
    vectors: ClassVar[bool] = False
    target: ClassVar[Literal["table", "map", "boxes"]] = "table"
    heads: ClassVar[tuple[str, ...]] = ("linear",)
    losses: ClassVar[tuple[str, ...]] = ()
    needs_levels: ClassVar[bool] = False
    at_once: ClassVar[int | None] = None
    weighs_classes: ClassVar[bool] = False
    mixes: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True
    facts: ClassVar[tuple[str, ...]] = ()
    libraries: ClassVar[dict[str, str]] = {}

    @classmethod
    def plugin_name(cls) -> str:
        """The stem of the file that the class is written in."""
        return cls.__module__.rpartition(".")[2]

    @property
    def headline(self) -> Metric:
        """The first metric."""
        return self.metrics[0]

    def bound(self, table: pd.DataFrame, classes: int) -> Task:
        """The task on one prepared table (columns ``label``, ``split``...); most need nothing of it."""
        return self

    def head(self, features: FeatureSpec, outputs: int, names: tuple[str, ...], kind: str = "") -> HeadSpec:
        """What a head must give.

        Args:
            features: What the backbone hands over.
            outputs: Number of the data set's classes, 0 where it has none.
            names: Their names in order, where they are known.
            kind: One of `heads`; empty: the first.
        """
        return HeadSpec(features, outputs, names)

    def selecting(self, name: str) -> Metric:
        """The metric that a recipe's ``select`` names; the headline where it is empty.

        Raises:
            UsageError: There is none of this name, or it is the headline, which needs no naming.
        """
        others = {metric.name: metric for metric in self.metrics[1:]}
        if name and name not in others:
            problem = "goes by" if name == self.headline.name else "has no metric"
            raise UsageError(
                f"{self.plugin_name()} {problem} {name!r}"
                + (" where a recipe's select is left out." if problem == "goes by" else f". {nearest(name, others)}")
            )
        return others[name] if name else self.headline

    def check_class_weight(self, weight: str | None) -> None:
        """Raise UsageError when a recipe weighs classes and the task's loss does not."""
        if weight is not None and not self.weighs_classes:
            raise UsageError(f"{self.plugin_name()} does not weigh classes: leave class_weight={weight} out.")

    def check_mixing(self) -> None:
        """Raise UsageError when the task's loss cannot take shares of two targets, of samples that are mixed."""
        if not self.mixes:
            raise UsageError(f"{self.plugin_name()} does not mix samples: leave mixup and cutmix out.")

    def soft(self, targets: Tensor, classes: int) -> Tensor:
        """Targets (B, ...) as float shares (B, classes), which a weighted mean mixes; of tasks that mix."""
        raise NotImplementedError

    def check_head(self, kind: str) -> None:
        """Raise UsageError unless ``kind`` is empty or names a head other than the first, which needs no naming."""
        if kind and kind not in self.heads[1:]:
            known = nearest(kind, self.heads[1:])
            raise UsageError(f"{self.plugin_name()} has no head {kind!r} beside its first, {self.heads[0]}. {known}")

    def check_loss(self, name: str) -> None:
        """Raise UsageError unless ``name`` is empty or names a loss other than the first, which needs no naming."""
        if name and name not in self.losses[1:]:
            known = nearest(name, self.losses[1:]) if self.losses[1:] else "Leave it out."
            raise UsageError(f"{self.plugin_name()} has no other loss {name!r}. {known}")

    def constants(self) -> dict[str, float]:
        """What `bound` learned of a table that a saved model needs; see `with_constants`."""
        return {}

    def with_constants(self, constants: dict[str, float]) -> Task:
        """The task as it was bound when its `constants` were these."""
        return self

    def output_shape(self, outputs: int) -> tuple[int | None, ...] | None:
        """Shape of one sample's outputs, with None where any number may stand; None: nothing is known of it.

        Args:
            outputs: As in `HeadSpec`.
        """
        return None

    def targets(self, table: pd.DataFrame) -> np.ndarray:
        """Targets (n, ...) of a table's rows, in order; asked for where `target` is "table"."""
        raise NotImplementedError(f"{type(self).__name__} must define targets()")

    def learned(self, targets: np.ndarray) -> np.ndarray:
        """Targets (n, ...) in the scale of the outputs, for methods that are fitted on features."""
        return targets

    def classes_of(self, target: np.ndarray) -> np.ndarray:
        """Class numbers (k,) that one sample's target names, where targets lie with the samples."""
        return np.unique(target[target != 255] if self.target == "map" else target[:, 4])

    @must_define
    def loss(self, outputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
        """The mean loss of a batch, a scalar: outputs (B, ...) of the head in float32 against targets (B, ...).

        Where a loss has to look at targets inside of the head, the head may give an object of the task's own with a
        method ``float()``, which only `loss` and `kept` look into.
        """
        raise NotImplementedError

    def kept(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """What is kept of a batch's outputs for evaluation, name -> (B, ...); tasks with large outputs reduce them.

        Args:
            outputs: Of the head, in float32, or scores (B, ...) of a `FeatureMethod`.
            targets: (B, ...) of the samples, which tell the size that predictions are wanted in.
        """
        return {"logits": outputs}

    @must_define
    def evaluate(self, targets: np.ndarray, outputs: Outputs) -> dict[str, float]:
        """Every metric of one split; NaN where it is undefined.

        Raises:
            NonFiniteLoss: An output is not a finite number.
        """
        raise NotImplementedError

    def score(self, targets: np.ndarray, outputs: Outputs) -> float:
        """The headline metric alone: asked for after every epoch, so a cheaper way than `evaluate` is welcome."""
        return self.evaluate(targets, outputs)[self.headline.name]

    def item_scores(self, targets: np.ndarray, outputs: Outputs, metric: str) -> np.ndarray:
        """Scores (n,) of the samples, whose mean is the metric: what paired statistics read.

        A metric without a per-sample form gives its jackknife pseudo-values; the default does so by leaving out each
        sample in turn, which takes n evaluations.

        Raises:
            StatisticsError: The metric is undefined without some sample.
        """
        from bench.stats.pseudo import jackknife

        names = list(outputs)

        def value(targets: np.ndarray, *arrays: np.ndarray) -> float:
            return self.evaluate(targets, dict(zip(names, arrays, strict=True)))[metric]

        return jackknife(value, targets, *outputs.values())

    def read_out(self, found: Found) -> Any:
        """What a loaded model gives of one input: for classes their probabilities; arrays of one shape are stacked."""
        return found.outputs

    def columns(self, names: Sequence[str]) -> list[str]:
        """Columns of a table of predictions, after the file; ``names`` are those of the outputs."""
        raise UsageError(f"{self.plugin_name()} does not say how predictions are written: it lacks columns and lines.")

    def lines(self, found: Found, names: Sequence[str]) -> list[list[str]]:
        """What such a table says of one input: a line, or one for each object."""
        raise UsageError(f"{self.plugin_name()} does not say how predictions are written: it lacks columns and lines.")

    def pictures(self, found: Found, names: Sequence[str], picture: np.ndarray) -> dict[str, np.ndarray]:
        """What does not fit a table, by a word for the file's name: label maps (H, W), pictures (H, W, 3).

        Args:
            picture: The input, uint8 (H, W, 3).
        """
        return {}

    def summary(self, found: Sequence[Found], names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What is written of all inputs together: a file's name -> its JSON; names of inputs are their files'."""
        return {}

    def inspect(self, targets: np.ndarray, outputs: Outputs, names: Sequence[str]) -> Inspection:
        """What is wrong with the predictions of a split, in all and sample by sample; ``outputs`` as in a record."""
        raise UsageError(f"{self.plugin_name()} does not say what is wrong with predictions: it lacks inspect.")

    def shape_of(self, targets: np.ndarray) -> tuple[int, ...]:
        """Proportions (height, width) of what the model saw: those of label maps; a square where targets tell none."""
        return targets.shape[1:] if self.target == "map" else (1, 1)

    def compared(
        self, target: np.ndarray, found: Found, names: Sequence[str], picture: np.ndarray
    ) -> np.ndarray | None:
        """A sample's truth and what was found in it side by side, (H, W, 3) uint8; None: there is nothing to draw.

        Args:
            target: Its target, as a record holds it.
            picture: The sample, uint8 (H, W, 3).
        """
        return None

    def arrays(self, targets: np.ndarray, outputs: Outputs) -> dict[str, np.ndarray]:
        """What is stored beside the record of a split's outputs."""
        return outputs


def check_shape(task: Task, outputs: object, samples: int, wanted: int, who: str) -> None:
    """Check what a method gave: outputs of another shape would be judged without complaint, and wrongly.

    Args:
        outputs: Of ``samples`` samples.
        wanted: The number of outputs that the method was asked for.
        who: The method and where it stands, for the message.

    Raises:
        UsageError: The shape is not the task's.
    """
    of_one, found = task.output_shape(wanted), tuple(getattr(outputs, "shape", ()))
    if of_one is None:
        return
    expected = (samples, *of_one)
    if len(found) != len(expected) or any(e not in (None, f) for e, f in zip(expected, found, strict=True)):
        shown = ", ".join("any" if number is None else str(number) for number in expected)
        raise UsageError(f"{who} gave outputs of shape {found}; {task.plugin_name()} needs ({shown}).")


def check_count(outputs: Outputs, samples: int, who: str) -> None:
    """Check that a method that says itself what is kept gave it of every sample.

    Raises:
        UsageError: An array has another length.
    """
    for name, values in outputs.items():
        if len(values) != samples:
            raise UsageError(f"{who} gave {name} of {len(values)} samples, not of {samples}.")


def better(metric: Metric, one: float, other: float) -> bool:
    """Whether a value of the metric is better than another; any number is better than NaN."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(other) and not math.isnan(one)
    return one > other if metric.higher_is_better else one < other
