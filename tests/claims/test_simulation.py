"""How often true claims are called contradicted; the long version is perf/claims_simulation.py."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bench.claims import Claim, Ours, judge

pytestmark = [pytest.mark.slow, pytest.mark.simulation]

ROOT = Path(__file__).resolve().parents[2]
REPLICATES = 1500


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("claims_simulation", ROOT / "perf" / "claims_simulation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_five_seeds_contradict_at_most_6_5_percent_of_true_claims(simulation: ModuleType) -> None:
    shares = [simulation.contradicted(world, REPLICATES) for world in simulation.worlds(5)]
    assert max(shares) <= 0.065
    assert min(shares) >= 0.03, "an interval that never errs would say nothing"


def test_three_seeds_are_measured(simulation: ModuleType) -> None:
    shares = [simulation.contradicted(world, REPLICATES) for world in simulation.worlds(3)]
    print(f"three seeds: {100 * min(shares):.1f} to {100 * max(shares):.1f} % of true claims contradicted")
    assert max(shares) <= 0.13


def test_the_planning_floor_makes_it_rarer(simulation: ModuleType) -> None:
    others, same = simulation.World(5, 278, 0.005, False), simulation.World(5, 278, 0.005, True)
    assert simulation.contradicted(others, REPLICATES, None) < simulation.contradicted(others, REPLICATES)
    assert simulation.contradicted(same, REPLICATES, None) == 0  # five points are ten times the spread


def test_a_claim_three_deviations_off_is_contradicted(simulation: ModuleType) -> None:
    """The rule is not merely silent: with a spread of half a point, six points are seen in nearly all cases."""
    rng, found = np.random.default_rng(1), 0
    for _ in range(300):
        values, theirs = simulation.World(5, 2048, 0.005, True).runs(rng)
        claim = Claim(id="a:b:c", paper="a", metric="Accuracy", value=f"{100 * (theirs - 0.06):.2f}", n_test=2048)
        found += judge(claim, {}, Ours(values, 2048, identical_split=True)).verdict == "contradicted"
    assert found / 300 >= 0.95


def test_a_mean_at_the_tolerance_is_rarely_called_reproduced() -> None:
    """The error of the two one-sided tests, at most 5 % where the true mean lies exactly one tolerance away."""
    rng, found = np.random.default_rng(2), 0
    claim = Claim(id="a:b:c", paper="a", metric="Accuracy", value="88.00", n_test=2048)
    for _ in range(3000):
        ours = Ours(tuple(rng.normal(0.9, 0.004, 5)), 2048, identical_split=True)
        found += judge(claim, {}, ours, delta=0.02).verdict == "reproduced"
    assert 0.04 <= found / 3000 <= 0.06
