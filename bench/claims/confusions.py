"""Precision, recall, F1 and accuracy of one model are not free of each other.

Two rules. *P/R/F1*: a printed F1 against 2PR/(P+R) of the printed macro averages. *Errors*: with the test samples of
each class known, accuracy and macro recall come from whole numbers of errors, one a class, and precision and F1 from
how these errors fall on the predicted classes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction

from bench.claims.findings import Finding
from bench.claims.k_of_n import Findings, hits, whole_of
from bench.claims.reported_value import Printed
from bench.claims.schema import Claim

LARGEST = 200_000  # ways to share errors among classes that are still gone through
Vector = tuple[int, ...]
Scores = dict[str, Claim]  # kind -> claim, of one model on one test set


def examine(claims: Sequence[Claim]) -> Findings:
    """Both rules, for every model with the metrics that they need."""
    for scores in models(claims):
        if {"precision", "recall", "f1"} <= set(scores):
            finding = f1_finding(*(_number(scores, kind) for kind in ("precision", "recall", "f1")))
            yield scores["f1"].id, finding
        if {"accuracy", "recall"} <= set(scores) and scores["accuracy"].class_counts:
            finding = _errors_finding(scores)
            yield from ((claim.id, finding) for claim in scores.values())


def models(claims: Sequence[Claim]) -> Iterator[Scores]:
    """The metrics printed for one model on one test set, by kind."""
    found: dict[tuple[str, ...], Scores] = defaultdict(dict)
    for c in claims:
        if c.kind and c.number is not None and not c.aggregation:
            found[c.table, c.dataset, c.protocol, c.backbone, c.pretraining, c.method, c.stage][c.kind] = c
    yield from found.values()


def f1_finding(precision: Printed, recall: Printed, f1: Printed) -> Finding:
    """F1 against the harmonic mean of macro precision and macro recall.

    The mean of the classes' F1 is never above it, because the harmonic mean is concave.
    """
    rule, assumption = "P/R/F1", "macro averages, one run, each rounded or truncated"
    (low_p, high_p), (low_r, high_r), (low, high) = precision.range(), recall.range(), f1.range()
    lowest, highest = harmonic(low_p, low_r), harmonic(high_p, high_r)
    between = f"2PR/(P+R) is {float(lowest):.3f}..{float(highest):.3f}"
    if low > highest:
        text = f"{between}; an F1 above it is none of this, and no mean of the classes' F1 either"
        return Finding(rule, "impossible", text, assumption, "impossible: F1 above 2PR/(P+R)")
    if high < lowest:
        text = f"{between}; an F1 below it is not 2PR/(P+R), but may be the mean of the classes' F1"
        return Finding(rule, "note", text, assumption, "F1 is not 2PR/(P+R) but below it")
    return Finding(rule, "ok", between, assumption, "ok")


def harmonic(a: Fraction, b: Fraction) -> Fraction:
    """2ab/(a+b), 0 when both are 0."""
    return 2 * a * b / (a + b) if a + b else Fraction(0)


def error_vectors(sizes: Sequence[int], accuracy: Printed, recall: Printed, whole: int = 100) -> list[Vector] | None:
    """Errors of each class that give both numbers, whether rounded or truncated.

    Args:
        sizes: Test samples of each class.

    Returns:
        All such vectors; None when there are too many to go through.
    """
    n, found = sum(sizes), []
    totals = sorted(n - right for right in hits(accuracy, n, whole))
    if sum(_ways(total, len(sizes)) for total in totals) > LARGEST:
        return None
    for total in totals:
        for errors in _shares(total, len(sizes)):
            fitting = all(error <= size for error, size in zip(errors, sizes, strict=True))
            if fitting and recall.could_be(whole * _recall(sizes, errors)):
                found.append(errors)
    return found


def fitting_vectors(sizes: Sequence[int], scores: dict[str, Printed], whole: int = 100) -> list[Vector] | None:
    """Error vectors for which a confusion matrix gives the printed precision and F1 too, where these are there.

    F1 may be 2PR/(P+R) or the mean of the classes' F1. None when there are too many ways to go through.
    """
    vectors = error_vectors(sizes, scores["accuracy"], scores["recall"], whole)
    further = {kind: number for kind, number in scores.items() if kind in ("precision", "f1")}
    if not vectors or not further:
        return vectors
    if sum(_ways(sum(errors), len(sizes)) for errors in vectors) > LARGEST:
        return None
    return [
        errors for errors in vectors if any(_agrees(sizes, errors, wrong, further, whole) for wrong in _false(errors))
    ]


def _false(errors: Vector) -> Iterator[Vector]:
    """How often each class may be predicted wrongly, given the errors of each class.

    A matrix with zero diagonal, these row sums and column sums exists exactly if no class has more of both than all.
    """
    total = sum(errors)
    for wrong in _shares(total, len(errors)):
        if all(error + false <= total for error, false in zip(errors, wrong, strict=True)):
            yield wrong


def _agrees(sizes: Sequence[int], errors: Vector, wrong: Vector, scores: dict[str, Printed], whole: int) -> bool:
    right = [size - error for size, error in zip(sizes, errors, strict=True)]
    triples = list(zip(right, errors, wrong, strict=True))
    precision = sum((_share(hit, hit + false) for hit, _, false in triples), Fraction(0)) / len(sizes)
    if "precision" in scores and not scores["precision"].could_be(whole * precision):
        return False
    if "f1" not in scores:
        return True
    mean_f1 = sum((_share(2 * hit, 2 * hit + error + false) for hit, error, false in triples), Fraction(0)) / len(sizes)
    joint_f1 = harmonic(precision, _recall(sizes, errors))
    return scores["f1"].could_be(whole * joint_f1) or scores["f1"].could_be(whole * mean_f1)


def _errors_finding(scores: Scores) -> Finding:
    rule, sizes = "errors", scores["accuracy"].class_counts
    printed = {kind: _number(scores, kind) for kind in scores}
    names = ", ".join(
        f"{kind} {scores[kind].value}" for kind in ("accuracy", "precision", "recall", "f1") if kind in scores
    )
    assumption = f"one run on classes of {'/'.join(map(str, sizes))} samples, macro averages, rounded or truncated"
    if scores["accuracy"].cited_from:
        assumption += "; cited from other work, whose test set may be another"
    vectors = fitting_vectors(sizes, printed, whole_of(scores["accuracy"]))
    if vectors is None:
        return Finding(rule, "untestable", f"{names}: too many ways to share the errors", assumption, "untestable")
    if not vectors:
        short = "impossible: no error counts give " + "/".join(_initial(kind) for kind in scores)
        return Finding(rule, "impossible", f"no errors per class give {names}", assumption, short)
    if len(vectors) > 1:
        return Finding(rule, "ok", f"{len(vectors)} error vectors give {names}", assumption, "ok")
    text = f"exactly one error vector gives {names}: {vectors[0]}"
    return Finding(rule, "ok", text, assumption, f"ok, errors {vectors[0]}")


def _initial(kind: str) -> str:
    return {"accuracy": "acc", "precision": "P", "recall": "R", "f1": "F1"}[kind]


def _number(scores: Scores, kind: str) -> Printed:
    number = scores[kind].number
    assert number is not None  # `models` takes printed numbers only
    return number


def _recall(sizes: Sequence[int], errors: Vector) -> Fraction:
    return sum((_share(s - e, s) for s, e in zip(sizes, errors, strict=True)), Fraction(0)) / len(sizes)


def _share(part: int, whole: int) -> Fraction:
    return Fraction(part, whole) if whole else Fraction(0)


def _shares(total: int, classes: int) -> Iterator[Vector]:
    """Every way to share a total among classes."""
    if classes == 1:
        yield (total,)
        return
    for first in range(total + 1):
        yield from ((first, *rest) for rest in _shares(total - first, classes - 1))


def _ways(total: int, classes: int) -> int:
    return math.comb(total + classes - 1, classes - 1)
