"""What a plug-in gives or takes in a wrong shape or type is said before training, with its file and a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.plugins.folders import use_folders
from bench.records import Store
from tests.engine.conftest import RunCells

HEAD = '''
import torch
from torch import nn
from bench.methods import Method


class Head(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.dim, self.outputs = spec.features.pooled_dim, spec.outputs
        self.linear = nn.Linear(self.dim{wider}, self.outputs)

    def forward(self, features):
        {forward}


class Mine(Method):
    """A head that may be wrong."""

    def head(self, spec):
        return Head(spec)

    def extra_loss(self, model, batch):
        {extra}
'''
RIGHT = dict(forward="return self.linear(features.pooled)", wider="", extra="return None")
# what is wrong -> the changed parts, the line in mine.py that the message names (0: none), words of the hint
WRONG = {
    "features as a tensor": (dict(forward="return self.linear(features)"), 14, "features.pooled (B, 64)"),
    "one number a sample": (dict(forward="return self.linear(features.pooled)[:, 0]"), 0, "(2, 10)"),
    "a class too many": (dict(forward="return features.pooled[:, :11]"), 0, "(2, 10)"),
    "a list": (dict(forward="return [1.0, 2.0]"), 0, "a list, not a tensor"),
    "an embedding of another width": (dict(wider=" + 1"), 14, "features.pooled (B, 64)"),
    "a loss for each sample": (dict(extra="return batch.features.pooled.sum(1)"), 0, "scalar"),
    "a number as a loss": (dict(extra="return 0.5"), 0, "a float"),
    "an attribute that is not there": (dict(forward="return features.patches"), 14, "features.tokens (B, n, 64)"),
}  # fmt: skip


@pytest.fixture
def write(plugin_folder: Path):  # type: ignore[no-untyped-def]
    def go(**changed: str) -> None:
        (plugin_folder / "mine.py").write_text(HEAD.format(**{**RIGHT, **changed}))
        use_folders([plugin_folder])

    yield go
    use_folders([])


@pytest.mark.parametrize("what", WRONG)
def test_it_is_said_before_training(what: str, write, run_cells: RunCells, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    changed, line, hint = WRONG[what]
    write(**changed)
    done = run_cells(tmp_path, ["mine", "majority"])
    (message,) = done.failed.values()
    assert "mine.py" in message
    assert not line or f"mine.py:{line}" in message
    assert hint in message
    assert {record.method.name: record.status for record in Store(tmp_path).all()} == {
        "mine": "failed", "majority": "done",
    }  # fmt: skip
    failed = next(record for record in Store(tmp_path).all() if record.status == "failed")
    assert failed.hardware.seconds == 0


def test_trying_changes_no_digit(write, run_cells: RunCells, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    write(extra="return None")
    run_cells(tmp_path / "both", ["mine", "linear_probe"])
    run_cells(tmp_path / "alone", ["linear_probe"])
    both = {record.cell: record.comparable() for record in Store(tmp_path / "both").all()}
    (alone,) = Store(tmp_path / "alone").all()
    assert both[alone.cell] == alone.comparable()
