"""What went wrong, item by item: which samples a row's runs take for another class, how sure they are, and which
training samples lie nearest; with the confusion matrix and metrics by class and by domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from bench.core.text import preformatted
from bench.plugins.registry import load
from bench.records import Record, Store, prediction_key
from bench.stats.confusion import confusion_matrix
from bench.stats.softmax import softmax
from bench.tables.errors_text import render
from bench.tables.filters import check_split
from bench.tables.predictions import Run, class_names, classified, names_of
from bench.tables.rows import Key
from bench.tables.versus import one_row

BACKBONE = "backbone"  # takes a stage's place in the key of features that no method has touched
NEAREST = 3


@dataclass(frozen=True)
class Neighbour:
    """A training sample near to an item, by the cosine of what the head read."""

    id: str
    name: str
    cosine: float


@dataclass(frozen=True)
class Mistake:
    """One item that some run took for another class.

    Attributes:
        predicted: The class it was taken for most often.
        wrong, runs: How many of the runs that judged it were wrong.
        confidence: Mean probability of the classes that it was taken for, over the wrong runs.
        of_true: Mean probability of the true class, over the same.
        neighbours: Empty where no features were kept.
    """

    id: str
    true: str
    predicted: str
    wrong: int
    runs: int
    confidence: float
    of_true: float
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class OfClass:
    """How one class fares, over all runs; NaN where it is undefined."""

    name: str
    items: int
    recall: float
    precision: float
    f1: float


@dataclass(frozen=True)
class OfDomain:
    """How one domain fares: items of one run, and means over runs by metric."""

    name: str
    items: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Errors:
    """Everything that `bench errors` says of one row, which ``print`` shows as text.

    Attributes:
        names: Of the classes, in label order.
        confusion: Counts (C, C) over all runs, row = true class.
        items: Judged items, over all runs.
        mistakes: The surest first.
        kept: Whether features were kept, so that neighbours are known.
        folder: Where the items' files lie; None where they are no files, or not here.
        shown: Items and confusions that the text lists.
    """

    key: Key
    split: str
    cells: tuple[str, ...]
    names: tuple[str, ...]
    confusion: np.ndarray
    items: int
    classes: tuple[OfClass, ...]
    domains: tuple[OfDomain, ...]
    mistakes: tuple[Mistake, ...]
    kept: bool
    folder: Path | None = None
    shown: int = 10

    def text(self, format: str = "text") -> str:
        """As text, md, latex, csv (all items) or json; UsageError for another."""
        return render(self, format)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return preformatted(self.text())

    def confusions(self) -> list[tuple[str, str, int]]:
        """(true class, class it was taken for, how often), the most frequent first."""
        wrong = self.confusion * (1 - np.eye(len(self.confusion), dtype=int))
        pairs = sorted(((int(wrong[at]), at) for at in np.ndindex(wrong.shape) if wrong[at]), key=lambda one: -one[0])
        return [(self.names[row], self.names[column], count) for count, (row, column) in pairs]


def errors(store: Store, records: Sequence[Record], filter: str, split: str = "test") -> Errors:
    """The errors of the one row that a filter names, over its finished runs.

    Raises:
        UsageError: It names none or several rows, or their task has no classes.
        CorruptRecord: Predictions are missing or altered.
    """
    check_split(split)
    key, found = one_row(records, filter)
    runs = [store.pair(record.cell) for record in found]
    pairs = classified(runs, split)
    classes = pairs[0][1].shape[1]
    names = tuple(names_of(classes, class_names(runs)))
    confusion = np.sum([confusion_matrix(t, logits.argmax(1), classes) for t, logits in pairs], axis=0)
    return Errors(
        key=key,
        split=split,
        cells=tuple(record.cell for record in found),
        names=names,
        confusion=confusion,
        items=int(confusion.sum()),
        classes=tuple(_by_class(confusion, names)),
        domains=tuple(_by_domain(runs, pairs, split)),
        mistakes=tuple(sorted(_mistakes(runs, pairs, names, split), key=lambda m: (-m.confidence, m.id))),
        kept=any(_places(run, split) is not None for run in runs),
    )


def _by_class(confusion: np.ndarray, names: Sequence[str]) -> Iterator[OfClass]:
    hits, items, taken = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    for number, name in enumerate(names):
        recall, precision = (float(hits[number] / n[number]) if n[number] else np.nan for n in (items, taken))
        both = int(items[number] + taken[number])
        yield OfClass(name, int(items[number]), recall, precision, 2 * int(hits[number]) / both if both else np.nan)


def _by_domain(runs: Sequence[Run], pairs: Sequence[tuple[np.ndarray, np.ndarray]], split: str) -> Iterator[OfDomain]:
    """Metrics that tables show, by domain, where the data have several."""
    column, task = prediction_key(split, "domain"), load("tasks", runs[0][0].task)()
    if any(column not in arrays for _, arrays in runs):
        return
    shown = [metric.name for metric in task.metrics if metric == task.headline or metric.shown]
    domains = sorted({str(name) for _, arrays in runs for name in arrays[column]})
    for domain in domains if len(domains) > 1 else []:
        judged, items = list[dict[str, float]](), 0
        for (_, arrays), (targets, logits) in zip(runs, pairs, strict=True):
            rows = arrays[column] == domain
            if rows.any():
                judged.append(task.evaluate(targets[rows], {"logits": logits[rows]}))
                items = int(rows.sum())
        yield OfDomain(domain, items, {name: fmean(one[name] for one in judged) for name in shown})


def _mistakes(
    runs: Sequence[Run], pairs: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[str], split: str
) -> Iterator[Mistake]:
    """One for each item that a run got wrong, the runs' items matched by id."""
    judged: dict[str, list[tuple[int, int, np.ndarray]]] = {}
    for number, ((_, arrays), (targets, logits)) in enumerate(zip(runs, pairs, strict=True)):
        shares = softmax(logits)
        for row, name in enumerate(arrays[prediction_key(split, "ids")]):
            judged.setdefault(str(name), []).append((number, int(targets[row]), shares[row]))
    near = [_Nearest.of(run, split, names) for run in runs]
    for item, of_runs in judged.items():
        wrong = [(number, true, share) for number, true, share in of_runs if share.argmax() != true]
        if not wrong:
            continue
        taken = np.bincount([int(share.argmax()) for _, _, share in wrong])
        neighbours = next((finder(item) for number, _, _ in wrong if (finder := near[number]) is not None), ())
        yield Mistake(
            item, names[wrong[0][1]], names[int(taken.argmax())], len(wrong), len(of_runs),
            fmean(float(share.max()) for _, _, share in wrong),
            fmean(float(share[true]) for _, true, share in wrong), neighbours,
        )  # fmt: skip


@dataclass(frozen=True)
class _Nearest:
    """Finds the training samples nearest to an item of one run, among its kept features."""

    items: dict[str, int]
    features: np.ndarray
    train: np.ndarray
    ids: np.ndarray
    labels: tuple[str, ...]

    @classmethod
    def of(cls, run: Run, split: str, names: Sequence[str]) -> _Nearest | None:
        """None where the run has kept none."""
        place = _places(run, split)
        if place is None:
            return None
        arrays = run[1]
        targets = arrays[prediction_key("train", "targets")]
        items = {str(name): row for row, name in enumerate(arrays[prediction_key(split, "ids")])}
        features, train = (_unit(arrays[prediction_key(part, "features", place)]) for part in (split, "train"))
        return cls(items, features, train, arrays[prediction_key("train", "ids")], tuple(names[t] for t in targets))

    def __call__(self, item: str) -> tuple[Neighbour, ...]:
        cosines = self.train @ self.features[self.items[item]]
        nearest = np.argsort(-cosines, kind="stable")[:NEAREST]
        return tuple(Neighbour(str(self.ids[n]), self.labels[n], float(cosines[n])) for n in nearest)


def _places(run: Run, split: str) -> str | None:
    """Whose features are kept of a split and of training: the last stage's, else the backbone's."""
    record, arrays = run
    for place in (*(stage.name for stage in reversed(record.stages)), BACKBONE):
        if all(prediction_key(part, "features", place) in arrays for part in (split, "train")):
            return place
    return None


def _unit(features: np.ndarray) -> np.ndarray:
    rows = features.reshape(len(features), -1).astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
