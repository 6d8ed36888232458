"""One cell on several processes, started by torchrun: the numbers of one process, and one death ends all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import bench
from bench.core import ranks
from bench.core.errors import UsageError
from bench.engine.settings import Settings
from bench.executors.base import executor_of
from bench.executors.remote import at_work_together, portable
from bench.records import Store, evaluation_log

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "bench", "run"]
CELL = "digits[shots=4]/tiny_vit/{}/quick[epochs=2,batch_size=15,optimizer=sgd,lr=0.01{}]/seed=0"
DIES_ONCE = '''
"""A method that ends one of two processes in its first run."""
import os
from pathlib import Path

from bench.baselines.full_finetune import FullFinetune


class Mortal(FullFinetune):
    """Full fine-tuning."""

    def after_step(self, step):
        flag = Path(os.environ["DIED"])
        if os.environ.get("RANK") == "1" and step.number == 4 and not flag.exists():
            flag.touch()
            os._exit(9)
'''


def test_parts_cover_a_batch_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ranks.part(7) == slice(0, 7)
    assert (ranks.rank(), ranks.size(), ranks.several()) == (0, 1, False)
    assert (ranks.agreed("one"), ranks.gathered("one")) == ("one", ["one"])
    layer = nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    before = [one.grad.clone() for one in layer.parameters() if one.grad is not None]
    ranks.add_gradients(layer.parameters())
    assert all(
        torch.equal(one.grad, old) for one, old in zip(layer.parameters(), before, strict=True) if one.grad is not None
    )


def together(results: Path, weights: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*TORCHRUN, *more, "--results", str(results), "--weights", str(weights)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1", **environment}
    )


def differences(one: Store, other: Store, cell: str) -> tuple[float, float]:
    """Largest difference of a curve's point, and of a test or validation output."""
    (a, p), (b, q) = one.pair(cell), other.pair(cell)
    curves = [
        abs(x - y)
        for left, right in zip(a.stages, b.stages, strict=True)
        for name in left.curves
        for x, y in zip(left.curves[name], right.curves[name], strict=True)
    ]
    assert p.keys() == q.keys()
    return max(curves), max(float(np.abs(p[name] - q[name]).max()) for name in p if "logits" in name)


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(weights: Path, tmp_path: Path) -> None:
    """Batches of 15 in parts of 7 and 8, and a last batch of ten; validation and test split by turns."""
    methods = ["majority", "linear_probe", "lora", "full_finetune", "cladapter[k=3,bottleneck=8,tuning=frozen]", "ema"]
    cells = [CELL.format(method, "") for method in methods]
    done = together(tmp_path / "two", weights, *cells)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("cells: 6 ran") == 1, "rank 0 alone speaks"
    bench.run(*cells, results=tmp_path / "one", weights=weights, quiet=True)
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    for record in one.all():
        curves, outputs = differences(one, two, record.cell) if record.stages[0].curves else (0.0, 0.0)
        assert curves < 1e-5, record.cell
        assert outputs < 1e-5, record.cell
        assert two.pair(record.cell)[0].hardware.model_extra == {"processes": 2}
    assert len(list(evaluation_log.read(tmp_path / "two"))) == len(cells), "each test split was opened once"


@pytest.mark.slow
def test_an_executors_worker_starts_them_itself(weights: Path, tmp_path: Path) -> None:
    """What `ray[gpus=2,cell=true]` runs on a node."""
    cell, settings = CELL.format("full_finetune", ""), Settings(results=tmp_path / "two", weights=weights)
    report = at_work_together([cell], portable(settings, 1), 2)
    assert (report.failed, report.busy, report.problem) == ((), False, "")
    assert Store(tmp_path / "two").pair(cell)[0].hardware.model_extra == {"processes": 2}
    with pytest.raises(UsageError, match=r"gpus=2,cell=true"):
        executor_of("ray[cell=true]").check(settings)


@pytest.mark.slow
def test_a_death_ends_all_and_the_cell_resumes(weights: Path, tmp_path: Path, plugin_folder: Path) -> None:
    (plugin_folder / "mortal.py").write_text(DIES_ONCE)
    cell, results = CELL.format("mortal", ""), tmp_path / "killed"
    more = ("--plugins", str(plugin_folder), "--checkpoint-every", "0")
    first = together(results, weights, cell, *more, DIED=str(tmp_path / "died"))
    assert first.returncode != 0
    assert not list(Store(results).all())
    assert list(results.glob(".checkpoints/*/*/progress.json")), "the first epoch was kept"
    second = together(results, weights, cell, *more, DIED=str(tmp_path / "died"))
    assert second.returncode == 0, second.stderr[-3000:]
    (tmp_path / "never").touch()
    whole = together(tmp_path / "whole", weights, cell, *more, DIED=str(tmp_path / "never"))
    assert whole.returncode == 0, whole.stderr[-3000:]
    assert differences(Store(results), Store(tmp_path / "whole"), cell) == (0.0, 0.0)


@pytest.mark.slow
def test_what_processes_cannot_share_is_refused(weights: Path, tmp_path: Path) -> None:
    cell = CELL.format("full_finetune", "").replace("tiny_vit", "tiny_batch_norm_cnn")
    done = together(tmp_path / "runs", weights, cell)
    assert done.returncode == 1
    failure = Store(tmp_path / "runs").failure(cell)
    assert failure is not None
    assert failure.error is not None
    assert "one process" in failure.error.message
    assert "--executor" in together(tmp_path / "runs", weights, cell, "--executor", "ray").stderr
