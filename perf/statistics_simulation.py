"""False positives, coverage and power of `bench.stats` in worlds with a known truth; the table of docs/statistics.md.

    python perf/statistics_simulation.py [--replicates 2000] [--write docs/statistics.md]

Each line is a world; `wrong` is the same test without the seeds, which is what a test over images alone does.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
from worlds import REGIMES, World, labels, predictions

from bench.stats.crossed import Crossed, crossed, crossed_pairs
from bench.stats.mde import minimum_detectable_effect
from bench.stats.moderation import moderated
from bench.stats.pseudo import macro_f1
from bench.stats.rows import intervals
from bench.stats.units import grouped

Array = np.ndarray[Any, np.dtype[Any]]
SIZES, SEEDS, METHODS = (140, 278, 2048), (3, 5, 10), 8
ALPHA = 0.05
PLACES = 4_000_000  # scores that are drawn at once
UPPER = np.triu_indices(METHODS, 1)
# Points that seeds move each method by.
UNEVEN = {
    "equal seed variances (1 point)": (1.0,) * METHODS,
    "one method 4 points, seven 0.3": (4.0,) + (0.3,) * (METHODS - 1),
    "four methods 4 points, four 0.3": (4.0,) * (METHODS // 2) + (0.3,) * (METHODS // 2),
    "from 0.3 to 3 points": tuple(np.geomspace(0.3, 3, METHODS).tolist()),
}
HEAD = (
    "| n | S | false positives | wrong | coverage | MDE | power | family-wise | wrong | Holm MDE | power |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Scored:
    """Scores (replicates, k, units, S), what their differences are counted on, and whether they are right or wrong."""

    scores: Array
    sums: Array
    binary: bool = True


Scoring = Callable[[np.random.Generator, Array], Scored]


def right_or_wrong(rng: np.random.Generator, drawn: Array) -> Scored:
    """Accuracy, items as units."""
    scores = drawn.astype(np.float64)
    return Scored(scores, scores.mean(-1))


def by_group(rng: np.random.Generator, drawn: Array) -> Scored:
    """Accuracy, groups of seven items as units."""
    scores, sums = grouped(drawn, np.arange(drawn.shape[2]) // 7)
    return Scored(scores, sums)


def by_f1(rng: np.random.Generator, drawn: Array) -> Scored:
    """Pseudo-values of macro-F1."""
    truth = labels(drawn.shape[2])
    predicted = np.moveaxis(predictions(rng, drawn, truth), -1, -2)
    scores = np.moveaxis(macro_f1(truth, predicted, 4), -2, -1)
    return Scored(scores, scores.mean(-1), binary=False)


def batches(
    rng: np.random.Generator, world: World, shape: tuple[int, int, int], accuracies: list[float], scoring: Scoring
) -> Iterator[Scored]:
    """The replicates of a world, a few at a time."""
    replicates, n, seeds = shape
    size = max(1, min(replicates, PLACES // (len(accuracies) * n * seeds)))
    for start in range(0, replicates, size):
        drawn = world.draw(rng, (min(size, replicates - start), n, seeds), accuracies)
        yield scoring(rng, drawn)


def pair(batch: Scored) -> Crossed:
    """The first two methods, by themselves, as `compare` does."""
    return only(crossed_pairs(batch.scores[:, :2], batch.sums[:, :2]))


def group(batch: Scored) -> tuple[Crossed, Crossed]:
    """All pairs of eight methods, each alone and with moderated seed variances, as `compare_all` does."""
    table, own = crossed_pairs(batch.scores, batch.sums), crossed(batch.scores)
    return table, table.with_seeds(*moderated(np.maximum(own.ms_seeds, 1e-12), np.maximum(own.seed_freedom, 1.0)))


def found(both: tuple[Crossed, Crossed], level: float) -> Array:
    """(..., k, k) which pairs are found at a level of the family, and alone."""
    table, family = both
    return np.asarray((table.p() <= ALPHA) & (family.p() <= level))


def mdes(table: Crossed, batch: Scored, items: int, alpha: float = ALPHA) -> Array:
    """The mde that would be printed under the first two methods."""
    shares = batch.scores.mean((-2, -1))
    return minimum_detectable_effect(
        table, alpha, shares=(shares[:, 0], shares[:, 1]), answers=items if batch.binary else None
    )


def only(table: Crossed) -> Crossed:
    """Methods 0 and 1 out of all pairs."""
    return table.at((..., 0, 1))


def any_found(both: tuple[Crossed, Crossed], level: float) -> Array:
    """Whether anything is found: Holm's procedure finds something only if a p is at most alpha / pairs."""
    return np.asarray(found(both, level)[..., UPPER[0], UPPER[1]].any(-1))


def fixed(both: tuple[Crossed, Crossed]) -> tuple[Crossed, Crossed]:
    """The same without the seeds."""
    return both[0].seeds_fixed(), both[0].seeds_fixed()


def line(rng: np.random.Generator, world: World, shape: tuple[int, int, int], scoring: Scoring) -> list[float]:
    """All figures of one world and size."""
    n, best, holm = shape[1], world.accuracy, ALPHA / len(UPPER[0])
    null: dict[str, list[Array]] = {name: [] for name in ("p", "wrong", "mde", "family", "family_wrong", "holm")}
    for batch in batches(rng, world, shape, [best] * METHODS, scoring):
        two, all_pairs = pair(batch), group(batch)
        null["p"].append(two.p())
        null["wrong"].append(two.seeds_fixed().p())
        null["mde"].append(mdes(two, batch, n))
        null["family"].append(any_found(all_pairs, holm))
        null["family_wrong"].append(any_found(fixed(all_pairs), holm))
        null["holm"].append(np.maximum(null["mde"][-1], mdes(only(all_pairs[1]), batch, n, holm)))
    got = {name: np.concatenate(values) for name, values in null.items()}
    mde, mde_holm = float(np.median(got["mde"])), float(np.median(got["holm"]))
    power, covered = apart(rng, world, shape, scoring, mde)
    power_holm = apart_in_group(rng, world, shape, scoring, mde_holm, holm)
    return [
        float((got["p"] <= ALPHA).mean()), float((got["wrong"] <= ALPHA).mean()), covered, mde, power,
        float(got["family"].mean()), float(got["family_wrong"].mean()), mde_holm, power_holm,
    ]  # fmt: skip


def worse(world: World, scoring: Scoring, by: float) -> float:
    """Accuracy of a method whose metric is lower than the world's by so much."""
    if scoring is by_f1:
        return world.accuracy_of(world.macro_f1(world.accuracy) - by)
    return world.accuracy - by


def apart(
    rng: np.random.Generator, world: World, shape: tuple[int, int, int], scoring: Scoring, by: float
) -> tuple[float, float]:
    """Power and coverage when the second method is worse by so much."""
    rejected, covered = [], []
    for batch in batches(rng, world, shape, [world.accuracy, worse(world, scoring, by)], scoring):
        table = pair(batch)
        p, half = table.p(), table.half_width(1 - ALPHA)
        rejected.append(p <= ALPHA)
        covered.append(np.abs(table.mean - by) <= np.where(p > ALPHA, np.maximum(half, np.abs(table.mean)), half))
    return float(np.concatenate(rejected).mean()), float(np.concatenate(covered).mean())


def apart_in_group(
    rng: np.random.Generator, world: World, shape: tuple[int, int, int], scoring: Scoring, by: float, level: float
) -> float:
    """Power of one pair at Holm's first level when one of eight methods is worse by so much."""
    accuracies = [world.accuracy, worse(world, scoring, by)] + [world.accuracy] * (METHODS - 2)
    all_found = [found(group(b), level)[..., 0, 1] for b in batches(rng, world, shape, accuracies, scoring)]
    return float(np.concatenate(all_found).mean())


def section(
    title: str, rng: np.random.Generator, world: World, scoring: Scoring, sizes: tuple[int, ...], replicates: int
) -> str:
    """One table of the document."""
    lines = [f"**{title}**\n", HEAD]
    for n in sizes:
        for seeds in SEEDS:
            values = line(rng, world, (replicates, n, seeds), scoring)
            lines.append("| " + " | ".join([str(n), str(seeds), *(f"{100 * v:.1f}" for v in values)]) + " |")
            print(title, lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def row_coverage(rng: np.random.Generator, replicates: int) -> str:
    """Coverage of the rows' intervals in a group of eight methods, and their median width, in points."""
    lines = ["| world | n | S | coverage | width | wrong: items only |", "|---|---|---|---|---|---|"]
    for world in REGIMES:
        for n, seeds in ((278, 2), (278, 3), (278, 5), (2048, 3)):
            inside, widths, wrong = [], [], []
            for _ in range(replicates):
                drawn = world.draw(rng, (1, n, seeds), [world.accuracy] * METHODS)[0].astype(float)
                scores = {str(m): drawn[m] for m in range(METHODS)}
                row = intervals(scores)["0"]
                fixed = crossed(drawn[0]).seeds_fixed()
                assert row.low is not None
                assert row.high is not None
                inside.append(row.low <= world.accuracy <= row.high)
                widths.append(row.high - row.low)
                wrong.append(abs(fixed.mean - world.accuracy) <= fixed.half_width(0.95))
            values = (np.mean(inside), np.median(widths), np.mean(wrong))
            lines.append(f"| {world.name} | {n} | {seeds} | " + " | ".join(f"{100 * v:.1f}" for v in values) + " |")
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def document(replicates: int) -> str:
    """All tables."""
    rng, began = np.random.default_rng(20_26), time.process_time()
    parts = [section(f"Accuracy: {w.name}", rng, w, right_or_wrong, SIZES, replicates) for w in REGIMES]
    clusters = World("clusters", 1.5, interaction=0.45, item=0.25, group=7)
    parts.append(section("Clusters: groups of 7 are the units", rng, clusters, by_group, (280,), replicates))
    parts.append(section("Clusters ignored: items are the units", rng, clusters, right_or_wrong, (280,), replicates))
    for world in REGIMES[:4]:
        parts.append(section(f"Macro-F1: {world.name}", rng, world, by_f1, SIZES, replicates))
    parts += [family(rng, title, points, 4 * replicates) for title, points in UNEVEN.items()]
    parts.append(
        "**Rows: intervals in a group of eight methods (half as many replicates)**\n\n"
        + row_coverage(rng, max(replicates // 2, 1))
    )
    minutes = (time.process_time() - began) / 60
    return f"{replicates} replicates a line, {minutes:.0f} minutes of processor time.\n\n" + "\n".join(parts)


def family(rng: np.random.Generator, title: str, points: tuple[float, ...], replicates: int) -> str:
    """Errors and power where seeds change methods unequally: of all pairs, of the worst one, of the family."""
    lines = [
        f"**Methods with unequal seeds: {title}**\n",
        "| n | S | false positives | worst pair | coverage | family-wise | wrong | power: quiet pair | noisy pair |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for n in SIZES[1:]:
        for seeds in (3, 4, 5, 10):
            values = uneven_line(rng, World(title, points), (replicates, n, seeds))
            lines.append("| " + " | ".join([str(n), str(seeds), *(f"{100 * v:.1f}" for v in values)]) + " |")
            print(title, lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def uneven_line(rng: np.random.Generator, world: World, shape: tuple[int, int, int]) -> list[float]:
    """Shares of one such world; power is that of finding 5 points after Holm."""
    holm, p, covered, first, wrong, powers = ALPHA / len(UPPER[0]), [], [], [], [], []
    for batch in batches(rng, world, shape, [world.accuracy] * METHODS, right_or_wrong):
        both = group(batch)
        table = both[0]
        p.append(table.p()[..., UPPER[0], UPPER[1]])
        half = table.half_width(1 - ALPHA)[..., UPPER[0], UPPER[1]]
        covered.append(np.abs(table.mean[..., UPPER[0], UPPER[1]]) <= half)
        first.append(any_found(both, holm))
        wrong.append(any_found(fixed(both), holm))
    worse_ends = [world.accuracy - 0.05, *[world.accuracy] * (METHODS - 2), world.accuracy - 0.05]
    for batch in batches(rng, world, shape, worse_ends, right_or_wrong):
        told = found(group(batch), holm)
        powers.append(np.stack([told[..., METHODS - 1, METHODS - 2], told[..., 0, 1]], -1))
    rejected = (np.concatenate(p) <= ALPHA).mean(0)
    return [
        float(rejected.mean()), float(rejected.max()), float(np.concatenate(covered).mean()),
        float(np.concatenate(first).mean()), float(np.concatenate(wrong).mean()),
        *np.concatenate(powers).mean(0).tolist(),
    ]  # fmt: skip


def main() -> None:
    """Run everything; write the tables between the markers of a document, or print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--write", type=Path, help="document with the lines <!-- table --> and <!-- /table -->")
    given = parser.parse_args()
    tables = document(given.replicates)
    if given.write:
        text = given.write.read_text()
        between = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- /table -->)", re.S)
        given.write.write_text(between.sub(lambda _: "\n" + tables + "\n", text))
    else:
        print(tables)


if __name__ == "__main__":
    main()
