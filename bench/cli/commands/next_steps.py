"""What a finished run offers to do next: commands that run as they are pasted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from bench.core.commands import command
from bench.engine.settings import Settings
from bench.records import Record, Store
from bench.tables.comparison_groups import Compared, finished, grouped
from bench.tables.findings import helped_by_seeds
from bench.tables.naming import RUN, SETTING, naming
from bench.tables.resampled import redrawn
from bench.tables.rows import group

if TYPE_CHECKING:
    from bench.api.outcome import Outcome
    from bench.grid.resolve import Resolved

FEWEST_SEEDS = 5  # below, an interval does not hold for new seeds


class _Place(TypedDict):
    """Folders that every command of a results folder takes."""

    results: Path
    plugins: tuple[Path, ...]


def going_on(
    outcome: Outcome, cells: Sequence[Resolved], settings: Settings, targets: Sequence[str], overrides: Sequence[str]
) -> str:
    """What a person may want to do next: commands that can be pasted, one a line."""
    place = _Place(results=settings.results, plugins=settings.plugins)
    if outcome.failed:
        again = run_again(settings, targets, overrides)
        return f"Next: mend what failed, then only that runs again:\n  {again}\n  {command('table', **place)}"
    steps = _steps(cells, settings, targets, overrides, outcome.table().compared)
    return "\n".join(["Next:", *(f"  {line}" for line in steps)])


def _steps(
    cells: Sequence[Resolved],
    settings: Settings,
    targets: Sequence[str],
    overrides: Sequence[str],
    compared: Sequence[Compared],
) -> Iterator[str]:
    place = _Place(results=settings.results, plugins=settings.plugins)
    seeds = {cell.cell.seed for cell in cells}
    of_suites = bool(targets) and not any("/seed=" in target for target in targets)  # cells take no -o
    if of_suites and len(seeds) < FEWEST_SEEDS and any(map(helped_by_seeds, compared)):
        yield run_again(settings, targets, [*overrides, "seeds=[0,1,2,3,4]"]) + "  # more seeds"
    if of_suites and (protocol := redrawing(cells)):
        drawn = [*overrides, f"protocol={protocol}", "data_seed=[0,1,2,3,4]"]
        yield run_again(settings, targets, drawn) + "  # repeated splits"
    records = {record.cell: record for record in finished(list(Store(settings.results).readable()))}
    ran = [records[cell.name] for cell in cells if cell.name in records]
    if ran:
        yield from _looks(ran, list(records.values()), settings, place)


def _looks(ran: Sequence[Record], records: Sequence[Record], settings: Settings, place: _Place) -> Iterator[str]:
    """Commands that look at the setting of the last run; what they name is told from all records of the folder."""
    split, groups = "val" if settings.val_only else "test", group(ran)
    keys = list(grouped(groups, split).values())[-1]
    if len(keys) > 1 and not any(redrawn(groups[key], key, split) for key in keys[-2:]):
        words = [naming(groups[key][0], records) for key in keys[-2:]]
        yield command("compare", *words, *(["--split", split] if settings.val_only else []), **place)
    if settings.keep_weights:
        yield command("predict", naming(ran[-1], records, RUN), "FOLDER", **place, weights=settings.weights)
    if not settings.val_only:
        yield command("plot", "comparison", *filter(None, [naming(ran[-1], records, SETTING)]), **place)


def run_again(settings: Settings, targets: Sequence[str], overrides: Sequence[str]) -> str:
    """The command of a run, with these overrides."""
    given = [word for text in overrides for word in ("-o", text)]
    flags = [f"--{name.replace('_', '-')}" for name in ("partial", "keep_weights") if getattr(settings, name)]
    return command(
        "run", *targets, *given, *flags, results=settings.results, data=settings.data, weights=settings.weights,
        plugins=settings.plugins,
    )  # fmt: skip


def redrawing(cells: Sequence[Resolved]) -> str:
    """The protocol that draws again, for each data seed, the one split that all cells were judged on; empty where there
    is none."""
    for dataset in (cell.dataset for cell in cells):
        chosen = dataset.protocols[dataset.protocol]
        alike = [
            name for name, rule in dataset.protocols.items() if rule.drawn and replace(rule, drawn=False) == chosen
        ]
        if alike:
            return alike[0]
    return ""
