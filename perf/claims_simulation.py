"""How often true claims are called contradicted: ``python -m perf.claims_simulation [replicates]``.

A method has a true accuracy that varies over seeds. We run S seeds, "they" run one more and print it with two decimals.
Test samples are the same for both, or drawn anew for them; our seeds share theirs. The verdict should be "contradicted"
in 5 % of the cases. The tolerance is set to nothing here, so that the interval itself is measured; the last column has
the planning MDE, as `bench verify` uses it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.claims.our_results import Ours
from bench.claims.schema import Claim
from bench.claims.verdicts import judge, planning_mde

NOTHING = 1e-9


@dataclass(frozen=True)
class World:
    """One setting.

    Attributes:
        seeds: Ours.
        n: Test samples.
        spread: Standard deviation of the true accuracy over seeds.
        identical: Whether their test samples are ours.
    """

    seeds: int
    n: int
    spread: float
    identical: bool
    accuracy: float = 0.9

    def runs(self, rng: np.random.Generator) -> tuple[tuple[float, ...], float]:
        """Our accuracies and theirs.

        A sample's difficulty is uniform; a run has it right when it is below the run's true accuracy.
        """
        true = np.clip(rng.normal(self.accuracy, self.spread, self.seeds + 1), 0, 1)
        ours = rng.random(self.n)
        theirs = ours if self.identical else rng.random(self.n)
        values = [float((ours < accuracy).mean()) for accuracy in true[:-1]]
        return tuple(values), float((theirs < true[-1]).mean())


def worlds(seeds: int) -> Iterator[World]:
    """All settings with this number of seeds."""
    for n in (278, 2048):
        for spread in (0.002, 0.005, 0.01, 0.03):
            for identical in (True, False):
                yield World(seeds, n, spread, identical)


def contradicted(world: World, replicates: int, tolerance: float | None = NOTHING, seed: int = 0) -> float:
    """Share of true claims that are called contradicted.

    Args:
        tolerance: None: the planning MDE.
    """
    rng, count = np.random.default_rng(seed), 0
    for _ in range(replicates):
        values, theirs = world.runs(rng)
        claim = Claim(id="a:b:c", paper="a", metric="Accuracy", value=f"{100 * theirs:.2f}", n_test=world.n)
        ours = Ours(values, world.n, identical_split=world.identical)
        delta = planning_mde(claim) if tolerance is None else tolerance
        count += judge(claim, {}, ours, delta).verdict == "contradicted"
    return count / replicates


def main(replicates: int) -> None:
    """Print a table in markdown and the largest share for each number of seeds."""
    print("| seeds | n | seed sd | test samples | contradicted, no tolerance | with the planning MDE |")
    print("|---|---|---|---|---|---|")
    for seeds in (3, 5, 10):
        shares = []
        for world in worlds(seeds):
            shares.append(contradicted(world, replicates))
            mde = contradicted(world, replicates // 5, None)
            samples = "the same" if world.identical else "others"
            setting = f"{seeds} | {world.n} | {100 * world.spread:.1f} | {samples}"
            print(f"| {setting} | {100 * shares[-1]:.1f} % | {100 * mde:.1f} % |", flush=True)
        print(f"| {seeds} | all | | | at most {100 * max(shares):.1f} % | |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
