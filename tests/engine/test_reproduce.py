"""bench reproduce and bench run --dry-run tell the truth about a small world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from made_results import finished

from bench.cells.cell import Cell
from bench.core.errors import UsageError
from bench.engine import estimate as estimating
from bench.engine.estimate import estimate
from bench.engine.groups import group_cells
from bench.engine.plan import Planner
from bench.engine.reproduce import compare, reproduce
from bench.engine.settings import Settings
from bench.grid.resolve import resolve_all
from bench.records import Record, Store, evaluation_log
from tests.engine.conftest import RunCells


def test_a_record_reproduces_bit_for_bit(run_cells: RunCells, weights: Path, tmp_path: Path) -> None:
    run_cells(tmp_path, ["cladapter[k=2]"])
    (record,) = Store(tmp_path).all()
    looks = len(list(evaluation_log.read(tmp_path)))
    comparison = reproduce(Store(tmp_path).path(record.cell), Settings(weights=weights, quiet=True, device="cpu"))
    assert (comparison.verdict, comparison.largest, comparison.changed) == ("equal", 0.0, {})
    assert (
        len(list(evaluation_log.read(tmp_path))) == 2 * looks
    )  # the repetition's looks at the test split are counted too


@pytest.mark.parametrize(("noise", "verdict"), [(0.0, "equal"), (1e-4, "within rounding"), (1.0, "different")])
def test_verdicts(noise: float, verdict: str, run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe"])
    (record,) = Store(tmp_path).all()
    arrays = Store(tmp_path).predictions(record.cell)
    rng = np.random.default_rng(0)
    others = {
        name: (array + noise * array.std() * rng.standard_normal(array.shape)).astype(array.dtype)
        if name.endswith("logits")
        else array
        for name, array in arrays.items()
    }
    older = record.model_copy(update={"fingerprints": {**record.fingerprints, "method": "older"}})
    comparison = compare(older, arrays, record, others)
    assert comparison.verdict == verdict
    assert list(comparison.changed) == ["method"]


def with_curve(record: Record, value: float) -> Record:
    stage = record.stages[-1].model_copy(update={"curves": {"val_loss": [value, None, 2.0]}})
    return record.model_copy(update={"stages": [stage]})


def test_curves_are_compared_in_the_digits_that_a_record_has() -> None:
    made, arrays = finished("digits/pico/lora/quick/seed=0")
    whole, near, far = (with_curve(made, value) for value in (0.3924747491, 0.3924749, 0.3935))
    packed = with_curve(made, 0.39247)
    twice = with_curve(made, 0.39248)  # 0.392475 by six digits
    verdicts = [compare(one, arrays, other, arrays).verdict for one in (whole, packed, twice) for other in (near, far)]
    assert verdicts == ["within rounding", "within rounding", "equal", "within rounding", "equal", "within rounding"]
    assert compare(whole, arrays, whole, arrays).verdict == "equal"


def test_the_spread_of_half_precision_is_finite() -> None:
    record, arrays = finished("digits/pico/lora/quick/seed=0")
    large = {name: (array * 2000).astype(np.float16) if "logits" in name else array for name, array in arrays.items()}
    others = {name: -array if "logits" in name else array for name, array in large.items()}
    assert compare(record, large, record, others).verdict == "different"


def test_metrics_of_outputs_in_few_bits_are_compared_as_printed() -> None:
    """Their metrics were computed from the kept outputs, so a repetition meets them to what tables print."""
    made, arrays = finished("digits/pico/lora/quick/seed=0")
    few = {name: array - array.max(1, keepdims=True) if "logits" in name else array for name, array in arrays.items()}

    def moved(by: float) -> Record:
        last = made.stages[-1]
        metrics = {split: {name: x + by for name, x in found.items()} for split, found in last.metrics.items()}
        return made.model_copy(update={"stages": [*made.stages[:-1], last.model_copy(update={"metrics": metrics})]})

    assert [compare(moved(by), few, made, arrays).verdict == "equal" for by in (2e-7, 1e-3)] == [True, False]
    assert compare(moved(2e-7), arrays, made, arrays).verdict != "equal"


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no record"):
        reproduce(tmp_path / "nothing.json", Settings())


def test_a_grids_trials_are_measured_once(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen trials that differ in their rate alone are one kind of stage."""
    planner, built = Planner(Settings(weights=weights)), []
    cell = Cell.parse("digits[shots=5]/tiny_vit/lora/tuned[epochs=2]/seed=0")
    (group,) = group_cells(planner.plan(resolve_all([cell], weights), Store(tmp_path)), fuse=True)
    build = estimating.model_of
    monkeypatch.setattr(estimating, "model_of", lambda *given: built.append(given) or build(*given))
    assert len(group.cells[0].trials) == 16
    assert estimate(group, torch.device("cpu")).seconds > 0
    assert len(built) == 1


def test_estimates_grow_with_the_work(weights: Path, tmp_path: Path) -> None:
    def cost(method: str, epochs: int) -> float:
        planner = Planner(Settings(weights=weights))
        cell = Cell.parse(f"digits/tiny_vit/{method}/paper[epochs={epochs}]/seed=0")
        (group,) = group_cells(planner.plan(resolve_all([cell], weights), Store(tmp_path)), fuse=True)
        found = estimate(group, torch.device("cpu"))
        assert found.disk > 0
        assert found.memory > 0
        return found.memory if epochs == 1 else found.seconds

    assert cost("full_finetune", 1) > cost("linear_probe", 1)
    assert cost("full_finetune", 100) > cost("linear_probe", 10)


def test_groups_share_what_they_can(weights: Path, tmp_path: Path) -> None:
    names = ["linear_probe/quick", "cladapter[tuning=frozen]/quick", "cladapter/quick", "linear_probe/quick[lr=0.1]"]
    others = ["full_finetune/quick", "linear_probe/quick[batch_size=8]", "lora/quick"]
    cells = [
        Cell.parse(f"digits/tiny_vit/{name}/seed={seed},data_seed=0") for seed in (0, 1) for name in names + others
    ]
    planner = Planner(Settings(weights=weights))
    tasks = planner.plan(resolve_all(cells, weights), Store(tmp_path))
    sizes = sorted(len(group.cells) for group in group_cells(tasks, fuse=True))
    assert sizes == [1, 1, 1, 1, 2, 8]
    assert [len(group.cells) for group in group_cells(tasks, fuse=False)] == [1] * 14
