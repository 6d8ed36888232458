"""Learning rates per step."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.core.errors import UsageError
from bench.training.schedules import learning_rate

FIXTURE = Path(__file__).parent.parent / "fixtures" / "released_schedule.csv"


def test_released_schedule_to_the_digit() -> None:
    rows = list(csv.DictReader(FIXTURE.open()))
    assert len(rows) > 400
    for row in rows:
        epochs, warmup, steps = (int(row[key]) for key in ("epochs", "warmup_epochs", "iterations_per_epoch"))
        place = int(row["epoch"]) - 1, int(row["step"])
        assert repr(learning_rate("released", float(row["base_lr"]), epochs, warmup, steps, *place)) == row["lr"]


def test_cosine_by_hand() -> None:
    rates = [learning_rate("cosine", 2.0, 3, 1, 2, epoch, step) for epoch in range(3) for step in range(2)]
    assert rates == pytest.approx([1.0, 2.0, 2.0, 1.0 + 2**-0.5, 1.0, 1.0 - 2**-0.5])


def test_constant_by_hand() -> None:
    rates = [learning_rate("constant", 2.0, 2, 1, 4, epoch, step) for epoch in range(2) for step in range(4)]
    assert rates == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 2.0]


def test_steps_fall_where_the_published_milestones_are() -> None:
    """torch's own schedule with milestones at half and three quarters of 100 epochs."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-3)
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimizer, [50, 75], gamma=0.1)
    for epoch in range(100):
        rates = [learning_rate("steps", 1e-3, 100, 0, 3, epoch, step) for step in range(3)]
        assert rates == pytest.approx([theirs.get_last_lr()[0]] * 3)
        optimizer.step()
        theirs.step()


def test_linear_by_hand() -> None:
    rates = [learning_rate("linear", 2.0, 3, 1, 2, epoch, step) for epoch in range(3) for step in range(2)]
    assert rates == [1.0, 2.0, 2.0, 1.5, 1.0, 0.5]


@pytest.mark.parametrize(("epochs", "warmup", "steps"), [(10, 0, 3), (10, 2, 5), (3, 1, 7), (4, 0, 1)])
def test_one_cycle_is_torchs(epochs: int, warmup: int, steps: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.5, total_steps=epochs * steps, pct_start=warmup / epochs if warmup else 0.3, cycle_momentum=False
    )
    for number in range(epochs * steps):
        assert learning_rate("one_cycle", 0.5, epochs, warmup, steps, *divmod(number, steps)) == pytest.approx(
            theirs.get_last_lr()[0], rel=1e-9
        )
        optimizer.step()
        theirs.step()


@given(
    st.sampled_from(["cosine", "released", "constant", "steps", "linear", "one_cycle"]),
    st.integers(1, 20),
    st.integers(0, 25),
    st.integers(1, 9),
)
def test_rates_are_positive_and_never_above_the_base(kind: str, epochs: int, warmup: int, steps: int) -> None:
    for epoch in range(epochs):
        for step in range(steps):
            assert 0 < learning_rate(kind, 0.1, epochs, warmup, steps, epoch, step) <= 0.1 * (1 + 1e-12)


def test_unknown_schedule_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="cosine"):
        learning_rate("cosin", 0.1, 1, 0, 1, 0, 0)
