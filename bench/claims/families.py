"""What a table says as a whole: pairs without a significant difference, mixed pre-trainings, numbers below chance."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.claims.findings import Finding
from bench.claims.k_of_n import Findings, hits, whole_of
from bench.claims.schema import Claim

ALPHA = 0.05


def examine(claims: Sequence[Claim]) -> Findings:
    """All three rules."""
    yield from below_chance(claims)
    yield from mixtures(claims)
    yield from separations(claims)


def below_chance(claims: Sequence[Claim]) -> Findings:
    """Accuracies below that of always answering the most frequent class."""
    for claim in claims:
        if claim.kind == "accuracy" and claim.number and claim.class_counts:
            largest, n = max(claim.class_counts), sum(claim.class_counts)
            trivial_baseline = f"{whole_of(claim) * largest / n:.{claim.number.decimals}f}"
            if claim.number.range()[1] * n <= whole_of(claim) * largest:
                text = f"always answering the most frequent class gives {largest}/{n} = {trivial_baseline}"
                assumption = f"the test classes have {'/'.join(map(str, claim.class_counts))} samples"
                yield (
                    claim.id,
                    Finding(
                        "trivial_baseline", "note", text, assumption, f"below the majority class ({trivial_baseline})"
                    ),
                )


def mixtures(claims: Sequence[Claim]) -> Findings:
    """Tables whose rows silently come from several pre-trainings.

    A row without a stated pre-training is traced to the one row elsewhere in the paper that states one and has the same
    number for the same data set, backbone and metric.
    """
    traced: dict[str, dict[str, Claim]] = defaultdict(dict)
    for claim in claims:
        if claim.number and not stated(claim) and claim.kind and (origin := _origin(claim, claims)):
            traced[claim.table][claim.id] = origin
    for origins in traced.values():
        found = sorted({origin.pretraining for origin in origins.values()})
        if len(found) > 1:
            for name, origin in origins.items():
                text = f"equals {origin.id} ({origin.pretraining}); other rows of this table come from others: "
                text += ", ".join(found)
                assumption = "equal numbers of one data set, backbone and metric are one result"
                yield name, Finding("pre-training", "note", text, assumption, f"table mixes {' and '.join(found)}")


def stated(claim: Claim) -> bool:
    """Whether the source says which pre-training it used."""
    return bool(claim.pretraining) and not claim.pretraining.startswith(("not stated", "n/a"))


def _origin(claim: Claim, claims: Sequence[Claim]) -> Claim | None:
    alike = [
        other
        for other in claims
        if stated(other)
        and other.table != claim.table
        and (other.backbone, other.kind, other.number) == (claim.backbone, claim.kind, claim.number)
        and _one_data_set(other, claim)
    ]
    return alike[0] if len({other.pretraining for other in alike}) == 1 else None


def _one_data_set(one: Claim, other: Claim) -> bool:
    """Whether two tables speak of one data set, with or without a remark in brackets."""
    return one.dataset.partition(" (")[0] == other.dataset.partition(" (")[0] and one.n_test == other.n_test


@dataclass(frozen=True)
class Separation:
    """How well the best pairs of a table could differ significantly.

    Attributes:
        pairs: Number of pairs.
        best: The smallest p that any pair could have.
        separable: Pairs that could survive Holm's correction.
    """

    pairs: int
    best: float
    separable: int


def separation(rights: Sequence[set[int]], alpha: float = ALPHA) -> Separation:
    """Pairs of models that could differ significantly after Holm, under the joint distribution that helps most.

    With k1 and k2 samples right, the exact two-sided McNemar p is smallest when every sample that one model has wrong
    and the other right lies on one side: |k1 - k2| discordant samples give 2^(1 - |k1 - k2|).

    Args:
        rights: For each model, every number of right samples that its printed accuracy may stand for.
    """
    best = sorted(
        min(1.0, 2.0 ** (1 - max(abs(a - b) for a in one for b in other)))
        for one, other in itertools.combinations(rights, 2)
    )
    separable = 0
    while separable < len(best) and best[separable] <= alpha / (len(best) - separable):
        separable += 1
    return Separation(len(best), best[0], separable)


def separations(claims: Sequence[Claim]) -> Findings:
    """Tables of at least three own accuracies on one test set, none of whose pairs are significantly different."""
    tables: dict[tuple[str, ...], list[tuple[Claim, set[int]]]] = defaultdict(list)
    for claim in claims:
        if (
            claim.kind == "accuracy"
            and claim.number
            and claim.n_test
            and not claim.cited_from
            and not claim.aggregation
        ):
            right = hits(claim.number, claim.n_test, whole_of(claim))
            if right:
                tables[claim.table, claim.dataset, claim.protocol, claim.backbone].append((claim, right))
    for members in tables.values():
        if len(members) < 3:
            continue
        found = separation([right for _, right in members])
        if not found.separable:
            text = f"none of the {found.pairs} pairs of this table can differ significantly: the best possible exact p "
            text += f"is {found.best:.5f}, Holm asks for {ALPHA / found.pairs:.5f}"
            assumption = "one run each, one test set, exact McNemar test, any joint distribution"
            short = f"no pair of {found.pairs} separable"
            yield from ((claim.id, Finding("pairs", "note", text, assumption, short)) for claim, _ in members)
