"""Outputs of a wrong shape fail their cell with the shapes and the file; they are never judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.plugins.folders import use_folders
from bench.records import Store
from tests.engine.conftest import RunCells

CLOSED = '''
import numpy as np
from bench.methods import FeatureMethod, Fitted

class Wrong(FeatureMethod):
    """Scores of a wrong shape."""

    def fit(self, train, val, spec):
        return Fitted(lambda x: {scores})
'''
TRAINED = '''
from torch import nn
from bench.methods import Method, PooledLinear

class Wrong(Method):
    """Logits of a wrong shape."""

    def head(self, spec):
        return {head}
'''

LONG = "nn.Sequential(PooledLinear(spec.features.pooled_dim, 10), nn.Unflatten(1, (10, 1)))"


@pytest.fixture
def folder(plugin_folder: Path) -> Iterator[Path]:
    yield plugin_folder
    use_folders([])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (CLOSED.format(scores="np.zeros((len(x), spec.outputs + 1))"), "11)"),
        (CLOSED.format(scores="np.zeros(len(x))"), ",)"),
        (CLOSED.format(scores="np.zeros((spec.outputs, len(x)))"), "(10, "),
        (CLOSED.format(scores="np.zeros((len(x) - 1, spec.outputs))"), ", 10)"),
        (TRAINED.format(head="PooledLinear(spec.features.pooled_dim, spec.outputs - 1)"), "9)"),
        (TRAINED.format(head=LONG), "1)"),
    ],
    ids=["a class too many", "numbers", "turned", "a sample too few", "a class too few", "an axis too many"],
)  # fmt: skip
def test_a_wrong_shape_fails_the_cell(text: str, found: str, folder: Path, run_cells: RunCells, tmp_path: Path) -> None:
    (folder / "wrong.py").write_text(text)
    use_folders([folder])
    outcome = run_cells(tmp_path, ["wrong", "majority"], "quick[epochs=1]")
    (message,) = outcome.failed.values()
    assert f"usage: wrong ({folder / 'wrong.py'}) gave outputs of shape (" in message
    assert found in message
    assert "classification needs (" in message
    assert message.endswith(", 10).")
    assert [record.status for record in Store(tmp_path).all()].count("done") == 1
