"""Two rows of a table against each other: what is known of the difference, by class, by domain and by item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.errors import UsageError
from bench.core.text import preformatted
from bench.records import Record, Store, prediction_key
from bench.records.schema import CLASS_NAMES
from bench.stats import Comparison, ComparisonGroup, Superiority, superiority
from bench.tables import comparison_groups
from bench.tables.filters import check_split, select
from bench.tables.metrics import metric_of
from bench.tables.naming import naming, which
from bench.tables.resampled import difference, redrawn
from bench.tables.rows import Key, distinct_titles, group, title
from bench.tables.scores import scores_of
from bench.tables.versus_text import text
from bench.tasks.base import Metric


@dataclass(frozen=True)
class Part:
    """The difference on some of the items: a class, a domain.

    Attributes:
        a, b: Mean scores there.
        items: How many items it has.
    """

    name: str
    a: float
    b: float
    items: int


@dataclass(frozen=True)
class Versus:
    """Everything `bench compare` says, which ``print`` shows as text.

    Attributes:
        pair: The test and its interval, on the runs that both have; p adjusted over the pairs of their group.
        rows: Rows of the group, whose seed variance the test shares.
        ahead: How often a run of A was ahead of B's, as a description.
        seeds: Runs of A and of B; the pair has those that both have.
        parts: Heading -> the difference on parts of the items; empty where the metric has no value for a single item.
        items: Ids on which the two differ most over all shared runs, with the mean scores of A and B; empty as well.
        disagreements: How many they differ on.
    """

    a: Key
    b: Key
    metric: Metric
    pair: Comparison
    rows: int
    seeds: tuple[int, int]
    ahead: Superiority
    parts: dict[str, list[Part]]
    items: list[tuple[str, float, float]]
    disagreements: int

    def __str__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        return preformatted(str(self))


def versus(
    store: Store,
    records: Sequence[Record],
    a: str,
    b: str,
    split: str = "test",
    shown: int = 10,
    metric: str = "",
    across_recipes: bool = False,
) -> Versus:
    """Compare the two rows that two filters name.

    Args:
        metric: The headline metric of their task if empty.
        across_recipes: Whether recipes may differ, and with them the budget: what a field of them is worth. The two
            rows are then judged as a pair alone.
        shown: Items listed.

    Raises:
        UsageError: A filter names no row or several, the two may not be compared, or their task has no such metric; the
            message says what differs.
        CorruptRecord: Predictions are missing or altered.
    """
    check_split(split)
    (key_a, runs_a), (key_b, runs_b) = (one_row(records, filter) for filter in (a, b))
    check_comparable(records, (key_a, runs_a), (key_b, runs_b), split, across_recipes)
    by = metric_of(key_a.task, metric)
    if any(redrawn(runs, key, split) for key, runs in ((key_a, runs_a), (key_b, runs_b))):
        told = difference({key_a: runs_a, key_b: runs_b}, key_a, key_b, by, split)
        raise UsageError(f"Each run has test samples of its own, so that items cannot be paired. {told or ''}".rstrip())
    look_up = scores_of(store, split)
    verdicts = _verdicts(records, key_a, key_b, split, look_up, by)
    seeds = len(runs_a), len(runs_b)
    runs_a, runs_b = shared(runs_a, runs_b)
    of_a, of_b = (_matrix(key, runs, by, look_up) for key, runs in ((key_a, runs_a), (key_b, runs_b)))
    sign = 1 if by.higher_is_better else -1
    ahead = superiority(sign * of_a.mean(0), sign * of_b.mean(0))
    arrays, mean_a, mean_b = store.predictions(runs_a[0].cell), of_a.mean(1), of_b.mean(1)
    labelled = _labels(arrays, split) if by.per_item else {}
    parts = {heading: _parts(labels, mean_a, mean_b) for heading, labels in labelled.items()}
    items = _disagreements(arrays[prediction_key(split, "ids")], mean_a, mean_b) if by.per_item else []
    pair = verdicts.pair(*distinct_titles(key_a, key_b))
    return Versus(key_a, key_b, by, pair, len(verdicts.names), seeds, ahead, parts, items[:shown], len(items))


def _verdicts(
    records: Sequence[Record], a: Key, b: Key, split: str, look_up: comparison_groups.Scores, by: Metric
) -> ComparisonGroup:
    """All pairs of the group that both rows stand in, the same test as in its table; of two groups the pair alone."""
    groups = group(records)
    names = dict(zip((a, b), distinct_titles(a, b), strict=True))
    together = _beside(records, a, split)
    if b in together:
        names = {key: title(key) for key in together} | names
    found = comparison_groups.compared_as(names, groups, split, look_up, by)
    lacking = [key for key in (a, b) if key not in found.keys]
    if lacking or found.verdicts is None:
        why = found.problem if not lacking else _without_scores(lacking[0], groups[lacking[0]], split)
        raise UsageError(f"{title(a)} and {title(b)} cannot be compared: {why}.")
    return found.verdicts


def _without_scores(key: Key, runs: Sequence[Record], split: str) -> str:
    if any(
        not comparison_groups.stage_of(record, key.stage).n.get(split) for record in comparison_groups.finished(runs)
    ):
        return f"the {split} split was not opened by {title(key)}; --split val compares on validation data"
    return f"{title(key)} has no finite scores of items"


def one_row(records: Sequence[Record], filter: str) -> tuple[Key, list[Record]]:
    """The one row that a filter names, with its finished runs.

    Raises:
        UsageError: It names none or several.
    """
    rows = {
        key: done
        for key, found in group(select(records, filter)).items()
        if (done := comparison_groups.finished(found))
    }
    exact = {key: runs for key, runs in rows.items() if filter in (key.method, _listed(key))}
    rows = exact if len(exact) == 1 else rows
    if len(rows) != 1:
        done = comparison_groups.finished(records)
        raise UsageError(which(filter, "finished row", [naming(runs[0], done) for runs in rows.values()]))
    return next(iter(rows.items()))


def _listed(key: Key) -> str:
    """The row's cells without their seed."""
    return f"{key.dataset}/{key.backbone}/{key.method}/{key.recipe}"


def check_comparable(
    records: Sequence[Record],
    a: tuple[Key, Sequence[Record]],
    b: tuple[Key, Sequence[Record]],
    split: str,
    across_recipes: bool = False,
) -> None:
    """Raise UsageError where two rows stand in different groups, but for the recipe perhaps, or share no run."""
    one, other = (comparison_groups.place_of(key, runs[0], split) for key, runs in (a, b))
    differing = [field for field in vars(one) if getattr(one, field) != getattr(other, field)]
    together = a[0] in _beside(records, b[0], split)
    if differing and not together and not (across_recipes and differing == ["recipe"]):
        told = ", ".join(f"{field} ({getattr(one, field)} / {getattr(other, field)})" for field in differing)
        hint = " --across-recipes compares what a recipe's field is worth." if differing == ["recipe"] else ""
        raise UsageError(f"These rows may not be compared, for they differ in {told}.{hint}")
    if not shared(a[1], b[1])[0]:
        raise UsageError("These rows share no seed. Run both with the same seeds.")


def _beside(records: Sequence[Record], key: Key, split: str) -> list[Key]:
    """The rows of the group that a row stands in."""
    return next(keys for keys in comparison_groups.grouped(group(records), split).values() if key in keys)


def shared(a: Sequence[Record], b: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The runs whose seeds both have, in the same order."""
    mine, theirs = ({(record.seed, record.data_seed): record for record in runs} for runs in (a, b))
    both = [seeds for seeds in mine if seeds in theirs]
    return [mine[seeds] for seeds in both], [theirs[seeds] for seeds in both]


def stored_scores(
    key: Key, runs: Sequence[Record], metric: Metric, look_up: comparison_groups.Scores
) -> np.ndarray | None:
    """Item scores (n, S) of a row's runs; None where those of a run are not known."""
    columns = [look_up(record, comparison_groups.stage_of(record, key.stage), metric) for record in runs]
    known = [column for column in columns if column is not None]
    return np.stack(known, axis=1) if known and len(known) == len(columns) else None


def _matrix(key: Key, runs: Sequence[Record], metric: Metric, look_up: comparison_groups.Scores) -> np.ndarray:
    found = stored_scores(key, runs, metric, look_up)
    if found is None:
        raise UsageError(f"{title(key)}: no scores of items by {metric.name} are stored.")
    return found


def _labels(arrays: dict[str, np.ndarray], split: str) -> dict[str, np.ndarray]:
    """What divides the items: their class where they have one, and their domain."""
    targets, domain = arrays[prediction_key(split, "targets")], arrays.get(prediction_key(split, "domain"))
    found = {}
    if targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer):
        found["class"] = np.asarray(arrays[CLASS_NAMES])[targets] if CLASS_NAMES in arrays else targets
    if domain is not None and len(set(domain.tolist())) > 1:
        found["domain"] = domain
    return found


def _parts(labels: np.ndarray, a: np.ndarray, b: np.ndarray) -> list[Part]:
    chosen = {label: labels == label for label in np.unique(labels)}
    return [Part(str(k), float(a[rows].mean()), float(b[rows].mean()), int(rows.sum())) for k, rows in chosen.items()]


def _disagreements(ids: np.ndarray, a: np.ndarray, b: np.ndarray) -> list[tuple[str, float, float]]:
    order = np.argsort(-np.abs(a - b), kind="stable")
    return [(str(ids[i]), float(a[i]), float(b[i])) for i in order if a[i] != b[i]]
