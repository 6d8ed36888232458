"""The shipped checks pass on every built-in task, and name what breaks the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sparing import slow_but

from bench.conformance.base import examine
from bench.conformance.tasks import CHECKS
from bench.core.errors import UsageError
from bench.plugins import registry
from bench.tasks.base import Task
from bench.tasks.multilabel import Multilabel
from bench.tasks.regression import Regression


@pytest.mark.parametrize(
    "name", slow_but(sorted(registry.catalog("tasks")), "multilabel", "regression", "segmentation")
)
def test_built_in_tasks_conform(name: str) -> None:
    cls: type[Task] = registry.load("tasks", name)
    verdicts = {verdict.check: verdict for verdict in examine(cls, CHECKS)}
    assert {check: one.problem for check, one in verdicts.items() if one.problem} == {}
    assert {check for check, one in verdicts.items() if one.skipped} <= {"inspection"}


class LostMetric(Multilabel):
    def evaluate(self, targets: np.ndarray, outputs: Any) -> dict[str, float]:
        return {name: value for name, value in super().evaluate(targets, outputs).items() if name != "auc"}


class WrongItems(Regression):
    def item_scores(self, targets: np.ndarray, outputs: Any, metric: str) -> np.ndarray:
        return 2 * super().item_scores(targets, outputs, metric)


class LossOfEach(Regression):
    def loss(self, outputs: Any, targets: Any, recipe: Any) -> Any:
        return (outputs[:, 0] - targets) ** 2


class KeptByTheBatch(Multilabel):
    def kept(self, outputs: Any, targets: Any) -> dict[str, Any]:
        return {"logits": outputs - outputs.mean(0)}


class Forgetful(Regression):
    def constants(self) -> dict[str, float]:
        return {}


class ShortLines(Multilabel):
    def lines(self, found: Any, names: Any) -> list[list[str]]:
        return [["a"]]


class OfOrder(Regression):
    def evaluate(self, targets: np.ndarray, outputs: Any) -> dict[str, float]:
        return {**super().evaluate(targets, outputs), "mae": float(abs(outputs["values"][0]))}


@pytest.mark.parametrize(
    ("cls", "check"),
    [
        (LostMetric, "metrics"),
        (WrongItems, "items"),
        (LossOfEach, "loss"),
        (KeptByTheBatch, "kept"),
        (Forgetful, "constants"),
        (ShortLines, "predictions"),
        (OfOrder, "order"),
    ],
)
def test_what_breaks_the_contract_is_named(cls: type[Task], check: str) -> None:
    failed = {verdict.check for verdict in examine(cls, CHECKS) if verdict.problem}
    assert check in failed


def test_a_task_that_says_nothing_of_predictions_refuses_to_write_them() -> None:
    with pytest.raises(UsageError, match="lacks columns and lines"):
        Task().columns(())
    with pytest.raises(UsageError, match="lacks inspect"):
        Task().inspect(np.empty(0), {}, ())
