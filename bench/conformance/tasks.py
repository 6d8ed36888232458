"""What every task must do; each check takes the task's class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bench.conformance.base import Skipped, require
from bench.conformance.tiny import SIZE, tiny_backbone
from bench.core import extras
from bench.core.errors import BenchError, UsageError
from bench.methods.parts import plain_head
from bench.plugins.recipe_files import preset
from bench.tasks.base import Outputs, Task
from bench.tasks.found import Found
from bench.training.loop import stacked

SAMPLES, CLASSES = 12, 3
NAMES = ("a", "b", "c")


@dataclass(frozen=True)
class TaskCase:
    """A task bound to a table, with what an untrained head says of its samples.

    Attributes:
        given: The head's outputs, in float32.
        targets: (n, ...) of the samples.
    """

    task: Task
    given: Any
    targets: np.ndarray

    @property
    def outputs(self) -> Outputs:
        """What the task keeps of all samples."""
        return self.kept(slice(None))

    def kept(self, part: slice) -> Outputs:
        """What it keeps of some; the others are as if they had never been."""
        with torch.no_grad():
            given = self.given[part] if isinstance(self.given, Tensor) else _given(self.task, part)
            return stacked([self.task.kept(given, torch.from_numpy(self.targets[part]))])


def case(cls: type[Task]) -> TaskCase:
    """The task on a table that has every usual column, or with maps or boxes.

    Raises:
        Skipped: A library is missing, or targets need columns that only the task's own data have.
    """
    for library, head in cls.libraries.items():
        try:
            extras.check(library, cls.plugin_name()) if not head else None
        except UsageError as error:
            raise Skipped(str(error)) from error
    table = _table()
    task = cls().bound(table, CLASSES)
    try:
        targets = task.targets(table) if task.target == "table" else _maps() if task.target == "map" else _boxes()
    except KeyError as error:
        raise Skipped(f"Its targets need the column {error}, which only data of its own have.") from error
    return TaskCase(task, _given(task, slice(None)), np.array(targets))


def _table() -> pd.DataFrame:
    """Half of the samples train; classes, labels and numbers by turns."""
    numbers = np.arange(SAMPLES)
    return pd.DataFrame({
        "id": [f"s{n}" for n in numbers], "split": np.where(numbers % 2 == 0, "train", "test"),
        "label": numbers // 2 % CLASSES, "labels": [(n % 2, n // 2 % 2, n // 4 % 2) for n in numbers],
        "value": 100 + 10.0 * numbers,
    })  # fmt: skip


def _maps() -> np.ndarray:
    return np.random.default_rng(0).integers(0, CLASSES, (SAMPLES, SIZE, SIZE)).astype(np.int32)


def _boxes() -> np.ndarray:
    """One box a sample, and room for another."""
    rng, boxes = np.random.default_rng(0), np.zeros((SAMPLES, 2, 6), dtype=np.float32)
    boxes[:, 0, :2], boxes[:, 0, 2:4] = rng.uniform(0, 0.4, (SAMPLES, 2)), rng.uniform(0.6, 1, (SAMPLES, 2))
    boxes[:, 0, 4], boxes[:, 1, 4] = np.arange(SAMPLES) % CLASSES, -1
    return boxes


def _given(task: Task, part: slice) -> Any:
    """What the task's plain head, untrained, says of some noise images."""
    torch.manual_seed(0)
    backbone = tiny_backbone("vit")
    if task.needs_levels:
        backbone.show_levels()
    head = plain_head(task.head(backbone.spec, CLASSES, NAMES)).eval()
    images = torch.randn(SAMPLES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return head(backbone.eval()(images[part])).float()


def check_metrics(cls: type[Task]) -> None:
    """Metrics have names of their own, and evaluate() gives every one of them, within its bounds or undefined."""
    one = case(cls)
    names = [metric.name for metric in cls.metrics]
    require(names, f"{cls.__name__} needs metrics = (...); the first is the headline.")
    require(len(set(names)) == len(names), f"{cls.__name__} has two metrics of one name.")
    found = one.task.evaluate(one.targets, one.outputs)
    require(set(found) == set(names), f"evaluate() gave {sorted(found)}, not {sorted(names)}.")
    for metric in cls.metrics:
        value = found[metric.name]
        fits = math.isnan(value) or metric.low <= value <= metric.high
        require(fits, f"{metric.name} is {value}, outside of [{metric.low}, {metric.high}]. State low and high.")


def check_score(cls: type[Task]) -> None:
    """score() is the headline of evaluate()."""
    one = case(cls)
    score = one.task.score(one.targets, one.outputs)
    headline = one.task.evaluate(one.targets, one.outputs)[one.task.headline.name]
    require(np.isclose(score, headline, equal_nan=True), f"score() gave {score}, evaluate() {headline}.")


def check_order(cls: type[Task]) -> None:
    """Metrics do not depend on the order of the samples."""
    one = case(cls)
    order = np.random.default_rng(0).permutation(SAMPLES)
    turned = {name: values[order] for name, values in one.outputs.items()}
    for name, value in one.task.evaluate(one.targets, one.outputs).items():
        other = one.task.evaluate(one.targets[order], turned)[name]
        require(np.isclose(value, other, equal_nan=True), f"{name} is {value}, and {other} in another order.")


def check_items(cls: type[Task]) -> None:
    """item_scores() gives a number a sample, whose mean is the metric, for what tables show."""
    one = case(cls)
    found = one.task.evaluate(one.targets, one.outputs)
    for metric in cls.metrics:
        if metric == one.task.headline or metric.shown:
            scores = one.task.item_scores(one.targets, one.outputs, metric.name)
            require(np.shape(scores) == (SAMPLES,), f"item_scores() of {metric.name} has shape {np.shape(scores)}.")
            alike = np.isclose(np.mean(scores), found[metric.name], equal_nan=True)
            require(alike, f"Item scores of {metric.name} have the mean {np.mean(scores)}, not {found[metric.name]}.")


def check_loss(cls: type[Task]) -> None:
    """loss() is a finite scalar that outputs can be improved by."""
    one = case(cls)
    loss = one.task.loss(one.given, torch.from_numpy(one.targets), preset("quick"))
    require(isinstance(loss, Tensor) and loss.ndim == 0, "loss() must give a scalar tensor: take its mean.")
    require(bool(torch.isfinite(loss)), f"loss() gave {loss}.")
    require(loss.requires_grad, "loss() does not depend on the outputs: no gradient reaches them.")


def check_kept(cls: type[Task]) -> None:
    """What is kept of a batch has an entry a sample, and does not depend on the others in it."""
    one = case(cls)
    whole, half = one.outputs, SAMPLES // 2
    for name, values in whole.items():
        require(len(values) == SAMPLES, f"kept() gave {name} of {len(values)} samples, not {SAMPLES}.")
    for part in (slice(0, half), slice(half, None)):
        for name, values in one.kept(part).items():
            alike = np.allclose(values, whole[name][part], atol=1e-4, equal_nan=True)
            require(alike, f"{name} of a sample is another where other samples are in its batch.")


def check_stored(cls: type[Task]) -> None:
    """What a record stores is judged by a task that has seen no table as it was when it was made."""
    one = case(cls)
    stored = one.task.arrays(one.targets, one.outputs)
    found, again = one.task.evaluate(one.targets, one.outputs), cls().evaluate(one.targets, stored)
    for name, value in found.items():
        require(np.isclose(value, again[name], equal_nan=True), f"{name} is {value}, and {again[name]} as stored.")


def check_constants(cls: type[Task]) -> None:
    """A saved model's task keeps what the bound one did."""
    one = case(cls)
    again = TaskCase(cls().with_constants(one.task.constants()), one.given, one.targets).outputs
    for name, values in one.outputs.items():
        require(np.array_equal(values, again[name], equal_nan=True), f"constants() lack what {name} depends on.")


def check_predictions(cls: type[Task]) -> None:
    """Lines of `bench predict` have a cell for each column."""
    one = case(cls)
    try:
        columns = one.task.columns(NAMES)
    except UsageError as error:
        raise Skipped(str(error)) from error
    outputs, extent = one.outputs, (SIZE, SIZE)
    for row in range(SAMPLES):
        shown = tuple((0.0, float(side)) for side in extent)
        found = Found("a.png", {name: values[row] for name, values in outputs.items()}, extent, shown)
        for line in one.task.lines(found, NAMES):
            require(len(line) == len(columns), f"lines() gave {len(line)} cells for the columns {columns}.")


def check_inspection(cls: type[Task]) -> None:
    """`bench errors` gets a line and a number a sample."""
    one = case(cls)
    if cls.single_label:
        raise Skipped("Errors of one class a sample are told from logits.")
    try:
        told = one.task.inspect(one.targets, one.outputs, NAMES)
    except BenchError as error:
        raise Skipped(str(error)) from error
    require(len(told.lines) == SAMPLES == len(told.wrong), "inspect() must tell of every sample.")
    require(all(len(line) == len(told.head) for line in told.lines), "A line has not as many cells as the head.")
    require((told.wrong >= 0).all(), "wrong must be 0 where nothing is wrong, and more elsewhere.")


CHECKS = (
    check_metrics, check_score, check_order, check_items, check_loss, check_kept, check_stored, check_constants,
    check_predictions, check_inspection,
)  # fmt: skip
