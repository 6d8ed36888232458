"""What a task says of the predictions of a split, sample by sample: what `bench errors` shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Table = tuple[str, list[str], list[list[str]]]  # title, head, rows
OVERLAP = 0.5  # of an object and what was found, from which one is the other
CERTAIN = 0.5  # score from which an object counts as found
SIZES = ("small", "middle", "large")


@dataclass(frozen=True)
class Inspection:
    """What is told of a split.

    Attributes:
        tables: Of all samples together.
        head: Columns of the list of samples, after their id.
        lines: (n,) their cells.
        wrong: (n,) how wrong a sample is; 0 where nothing is.
    """

    tables: tuple[Table, ...]
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    wrong: np.ndarray


@dataclass(frozen=True)
class Objects:
    """The objects of one sample, and what was found there from a score of `CERTAIN` on, the surest first.

    Attributes:
        labels, areas: (t,) classes, and sizes as shares of the image.
        found_labels, found_areas: (f,) the same of what was found.
        overlaps: (t, f) intersections over unions.
    """

    labels: np.ndarray
    areas: np.ndarray
    found_labels: np.ndarray
    found_areas: np.ndarray
    overlaps: np.ndarray

    def matches(self) -> tuple[np.ndarray, np.ndarray]:
        """Which objects are found (t,), and of what was found (f,): 0 right, 1 another class is there, 2 nothing is."""
        taken, kinds = np.zeros(len(self.labels), dtype=bool), np.full(len(self.found_labels), 2)
        for place, label in enumerate(self.found_labels):
            over = self.overlaps[:, place] >= OVERLAP
            free = np.flatnonzero(over & ~taken & (self.labels == label))
            if len(free):
                taken[free[self.overlaps[free, place].argmax()]], kinds[place] = True, 0
            elif (over & (self.labels != label)).any():
                kinds[place] = 1
        return taken, kinds


def inspected(samples: Sequence[Objects], names: Sequence[str]) -> Inspection:
    """Missed and false objects by class, by size and by sample."""
    matched = [one.matches() for one in samples]
    labels, areas, taken = (
        np.concatenate(parts)
        for parts in (
            [one.labels for one in samples], [one.areas for one in samples], [found for found, _ in matched],
        )
    )  # fmt: skip
    found, found_areas, kinds = (
        np.concatenate(parts)
        for parts in (
            [one.found_labels for one in samples], [one.found_areas for one in samples], [kind for _, kind in matched],
        )
    )  # fmt: skip
    lines, wrong = [], []
    for hits, kind in matched:
        missed, false = int((~hits).sum()), int((kind > 0).sum())
        lines.append((str(len(hits)), str(missed), str(false)))
        wrong.append(missed + false)
    classes = [_row(name, labels == n, taken, found == n, kinds) for n, name in enumerate(names)]
    tables = (("by class", _head("class"), classes), _by_size(areas, taken, found_areas, kinds))
    return Inspection(tables, ("objects", "missed", "false"), tuple(lines), np.array(wrong, dtype=float))


def _head(what: str) -> list[str]:
    return [what, "objects", "missed", "of another class", "false", "recall %", "precision %"]


def _row(name: str, there: np.ndarray, taken: np.ndarray, claimed: np.ndarray, kinds: np.ndarray) -> list[str]:
    """One line of counts: objects of a kind, and what was found of it."""
    right = int((kinds[claimed] == 0).sum())
    missed = int((there & ~taken).sum())
    counts = [int(there.sum()), missed, *(int((kinds[claimed] == kind).sum()) for kind in (1, 2))]
    return [name, *map(str, counts), percent(int((there & taken).sum()), counts[0]), percent(right, int(claimed.sum()))]


def _by_size(areas: np.ndarray, taken: np.ndarray, found_areas: np.ndarray, kinds: np.ndarray) -> Table:
    """The same for thirds of the objects by their size."""
    if not len(areas):
        return "by size", _head("size"), []
    edges = np.quantile(areas, [1 / 3, 2 / 3])
    third, found_third = np.searchsorted(edges, areas, "left"), np.searchsorted(edges, found_areas, "left")
    limits = (f"up to {100 * edges[0]:.2g} %", f"up to {100 * edges[1]:.2g} %", f"over {100 * edges[1]:.2g} %")
    rows = [
        _row(f"{name} ({limit} of the image)", third == n, taken, found_third == n, kinds)
        for n, (name, limit) in enumerate(zip(SIZES, limits, strict=True))
    ]
    return "by size", _head("size"), rows


def percent(part: float, whole: float) -> str:
    """A share with two decimals; a dash where there is no whole."""
    return f"{100 * part / whole:.2f}" if whole else "-"


def box_overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersections over unions (t, f) of boxes (t, 4) and (f, 4)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = (high - low).clip(0).prod(-1)
    union = box_areas(one)[:, None] + box_areas(other)[None] - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """(k,) of boxes (k, 4)."""
    areas: np.ndarray = (boxes[:, 2:4] - boxes[:, :2]).clip(0).prod(-1)
    return areas


def mask_overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersections over unions (t, f) of masks (t, H, W) and (f, H, W)."""
    pixels = math.prod(one.shape[1:])
    flat, flat_other = (masks.reshape(len(masks), pixels).astype(np.float64) for masks in (one, other))
    both = flat @ flat_other.T
    union = flat.sum(1)[:, None] + flat_other.sum(1)[None] - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)
