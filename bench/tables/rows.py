"""Records -> rows: one row a configuration, averaged over its seeds.

Configurations are distinguished by everything in a cell's name but its seeds, so runs with different preprocessing,
epochs or protocol never meet in one mean. Test-selected runs are kept apart as well.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from bench.cells.cell import parsed
from bench.records import Record, StageResult
from bench.records.frame import without_protocol
from bench.records.schema import IMPORTED
from bench.stats import Row as Estimate
from bench.stats import of_seeds
from bench.tables.metrics import metrics_of

# Parameters of a data set whose training subset the data seed draws -> what may grow with it on the validation side.
SUBSETS = {"shots": "val_shots", "fraction": "val_fraction"}
Fact = Callable[[Record, StageResult], float | None]
FACTS: dict[str, Fact] = {
    "trainable": lambda record, stage: stage.trainable,
    "selection_labels": lambda record, stage: record.selection.labels if record.selection else None,
    "added": lambda record, stage: record.parameters.added,
    "total": lambda record, stage: record.parameters.total,
    "macs_backbone": lambda record, stage: record.macs.backbone,
    "macs_head": lambda record, stage: record.macs.head,
    "trials": lambda record, stage: record.budget.trials,
    "epochs": lambda record, stage: record.budget.epochs,
    "seconds": lambda record, stage: record.hardware.seconds,
}


@dataclass(frozen=True)
class Key:
    """What makes a row; the parts are written as in a cell's name.

    Attributes:
        trivial_baseline: The method's place among the trivial_baselines, from 1; 0 when it is none.
    """

    task: str
    dataset: str
    protocol: str
    backbone: str
    recipe: str
    method: str
    stage: str
    test_selected: bool
    trivial_baseline: int = 0

    @property
    def imported(self) -> bool:
        """Whether its predictions were made elsewhere: nothing is known of what they cost."""
        return self.recipe == IMPORTED

    @property
    def method_name(self) -> str:
        """The method without its parameters."""
        return self.method.partition("[")[0]


def title(key: Key) -> str:
    """A row for people: its method and backbone."""
    return f"{key.method} on {key.backbone}"


def distinct_titles(a: Key, b: Key) -> tuple[str, str]:
    """Two rows for people, with their recipes where these differ, with their stages where only these do."""
    if a.recipe != b.recipe:
        return f"{title(a)}, {a.recipe}", f"{title(b)}, {b.recipe}"
    if title(a) == title(b) and a.stage != b.stage:
        return f"{title(a)} ({a.stage})", f"{title(b)} ({b.stage})"
    return title(a), title(b)


@dataclass(frozen=True)
class Row:
    """One configuration.

    Attributes:
        seeds: Finished runs that the means are over.
        values: Metric -> mean and interval on the split shown; a metric that is undefined in a run is left out.
        facts: Name in `FACTS` -> mean over runs, None when unknown.
        n: Samples of the split shown.
        warnings: Word -> what it means here; see `bench.tables.warnings`.
        failures: Failed runs.
        cells: Canonical names of the finished runs.
        ranks: Best and worst rank among the rows of its comparison group; None where that is not known.
        letters: Rows of a group that share a letter are not significantly different.
        names: Part of the cell's name -> how the row is shown to people, where that says more than `key`.
        of_methods: Whether rank and letters speak of the method, not of the trained models alone.
    """

    key: Key
    seeds: int
    values: dict[str, Estimate]
    facts: dict[str, float | None]
    n: int | None
    failures: tuple[Record, ...]
    cells: tuple[str, ...]
    warnings: dict[str, str] = field(default_factory=dict)
    ranks: tuple[int, int] | None = None
    letters: str = ""
    of_methods: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def name(self, part: str) -> str:
        """A part of the cell's name (``method``) for people."""
        return self.names.get(part) or str(getattr(self.key, part))


def group(records: Iterable[Record], stages: bool = False) -> dict[Key, list[Record]]:
    """Records by row; with ``stages`` every stage has a row, else only the last, which is what a run reports."""
    groups: dict[Key, list[Record]] = defaultdict(list)
    for record in records:
        for stage in _stages(record, stages):
            groups[_key(record, stage)].append(record)
    _file_failures(groups)
    return dict(groups)


def make_row(key: Key, records: Sequence[Record], split: str = "test") -> Row:
    """Average one configuration's runs."""
    done = [record for record in records if record.status == "done"]
    results = [stage_of(record, key.stage) for record in done]
    counts = [result.n[split] for result in results if split in result.n]
    return Row(
        key=key,
        seeds=len(done),
        values=_values(key.task, [result.metrics.get(split, {}) for result in results]),
        facts={name: None if key.imported else _fact(read, done, results) for name, read in FACTS.items()},
        n=min(counts, default=None),
        failures=tuple(record for record in records if record.status == "failed"),
        cells=tuple(record.cell for record in done),
    )


def _fact(read: Fact, records: Sequence[Record], results: Sequence[StageResult]) -> float | None:
    return _mean([read(*run) for run in zip(records, results, strict=True)])


def _stages(record: Record, every: bool) -> list[str]:
    names = [stage.name for stage in record.stages]
    return names if every and names else names[-1:] or [""]


def _key(record: Record, stage: str) -> Key:
    dataset, backbone, method, recipe = cell_parts(record.cell)
    selected = record.flags.test_selected
    return Key(
        record.task, dataset, record.protocol, backbone, recipe, method, stage, selected, record.trivial_baseline
    )


@lru_cache(maxsize=1 << 16)
def cell_parts(name: str) -> tuple[str, str, str, str]:
    """Data set without protocol, backbone, method and recipe; a table asks for each record several times."""
    cell = parsed(name)
    return str(without_protocol(cell.dataset)), str(cell.backbone), str(cell.method), str(cell.recipe)


def _file_failures(groups: dict[Key, list[Record]]) -> None:
    """Move failures, which know neither their stage nor their selection, into the rows of the runs that succeeded."""
    alike: dict[tuple[str, ...], list[Key]] = defaultdict(list)
    for key, records in groups.items():
        if any(record.status == "done" for record in records):
            alike[_configuration(key)].append(key)
    for key in [key for key, records in groups.items() if all(record.status == "failed" for record in records)]:
        homes = alike[_configuration(key)]
        for home in homes:
            groups[home] += groups[key]
        if homes:
            del groups[key]


def _configuration(key: Key) -> tuple[str, ...]:
    return key.dataset, key.protocol, key.backbone, key.recipe, key.method


def stage_of(record: Record, name: str) -> StageResult:
    """A finished record's stage by name."""
    return next(stage for stage in record.stages if stage.name == name)


def _values(task: str, metrics: list[dict[str, float | None]]) -> dict[str, Estimate]:
    """Each metric over its runs; what item scores add comes with the group (`bench.tables.comparison_groups`)."""
    values = {}
    for metric in metrics_of(task):
        numbers = [value for run in metrics if (value := run.get(metric.name)) is not None]
        if numbers and len(numbers) == len(metrics):
            values[metric.name] = of_seeds(np.array(numbers), (metric.low, metric.high))
    return values


def _mean(numbers: list[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(numbers) else None


def fact(row: Row, column: str) -> float | None:
    """A column's number that is not a metric; whole numbers stay whole."""
    value = row.n if column == "n" else row.facts[column]
    return int(value) if value is not None and float(value).is_integer() else value


def place(key: Key) -> str:
    """Data set and protocol in words."""
    return f"{key.dataset} ({key.protocol})"
