"""What a task is: what is learned from a sample, and how predictions are judged. Imports neither torch nor timm.

One file a task; its public subclass of `Task` is found by the file's stem, which a data set names (``task = "..."``).
Training, evidence and tables speak through this contract only, so that adding a task adds one file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from bench.backbones.features import FeatureSpec
    from bench.cells.recipes import Recipe

Outputs = dict[str, np.ndarray]  # name -> (n, ...): what is kept of the predictions of n samples


@dataclass(frozen=True)
class Metric:
    """One number that judges a split.

    Attributes:
        unit: "%" for fractions, which people are shown in percent; else a unit such as "nats", or nothing.
        low, high: The values that it can take.
        decimals: Digits shown after the point.
        shown: Whether it stands in tables without being asked for; the headline always does.
    """

    name: str
    unit: str = "%"
    low: float = 0.0
    high: float = 1.0
    higher_is_better: bool = True
    decimals: int = 2
    shown: bool = False


@dataclass(frozen=True)
class HeadSpec:
    """What a head is built for: the one argument of `Method.head` and of `FeatureMethod.fit`.

    Attributes:
        features: What the backbone hands over.
        outputs: Width of the output: classes of a classification.
        names: Names of the outputs in order; empty where nobody knows them.
        text: (outputs, d) text features of the names, where the backbone has any.
    """

    features: FeatureSpec
    outputs: int
    names: tuple[str, ...] = ()
    text: Tensor | None = None


class Task:
    """Base of all tasks; stateless.

    Attributes:
        metrics: All metrics; the first is the headline: selection, floors and ranking go by it.
        single_label: Every sample has one class number in the table's column ``label``: splits are balanced over it,
            ``shots`` counts it, classes without a training sample are refused.
        target: Where targets lie: in the "table", or as a "map" of the input's height and width that the data set's
            `read_target` gives and that augmentation moves along with the input.
        deterministic: Every operation has an algorithm that gives the same bits each time; records say if not.
    """

    metrics: ClassVar[tuple[Metric, ...]] = ()
    single_label: ClassVar[bool] = False
    target: ClassVar[Literal["table", "map"]] = "table"
    deterministic: ClassVar[bool] = True

    @classmethod
    def plugin_name(cls) -> str:
        """The stem of the file that the class is written in."""
        return cls.__module__.rpartition(".")[2]

    @property
    def headline(self) -> Metric:
        """The first metric."""
        return self.metrics[0]

    def head(self, features: FeatureSpec, outputs: int, names: tuple[str, ...]) -> HeadSpec:
        """What a head must give.

        Args:
            features: What the backbone hands over.
            outputs: Number of the data set's classes, 0 where it has none.
            names: Their names in order, where they are known.
        """
        return HeadSpec(features, outputs, names)

    def targets(self, table: pd.DataFrame) -> np.ndarray:
        """Targets (n, ...) of a table's rows, in order; not asked for where `target` is "map"."""
        raise NotImplementedError(f"{type(self).__name__} must define targets()")

    def loss(self, outputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
        """The mean loss of a batch, a scalar: outputs (B, ...) of the head in float32 against targets (B, ...)."""
        raise NotImplementedError(f"{type(self).__name__} must define loss()")

    def kept(self, outputs: Tensor) -> dict[str, Tensor]:
        """What is kept of a batch's outputs for evaluation, name -> (B, ...); tasks with large outputs reduce them."""
        return {"logits": outputs}

    def evaluate(self, targets: np.ndarray, outputs: Outputs) -> dict[str, float]:
        """Every metric of one split; NaN where it is undefined.

        Raises:
            NonFiniteLoss: An output is not a finite number.
        """
        raise NotImplementedError(f"{type(self).__name__} must define evaluate()")

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

    def arrays(self, targets: np.ndarray, outputs: Outputs) -> dict[str, np.ndarray]:
        """What is stored beside the record of a split's outputs."""
        return outputs


def better(metric: Metric, one: float, other: float) -> bool:
    """Whether a value of the metric is better than another; NaN is better than nothing."""
    return one > other if metric.higher_is_better else one < other
