"""`bench data audit|fetch|path`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cells.notation import Spec
from bench.core.atomic import write_text
from bench.core.commands import command
from bench.core.text import as_json
from bench.data.base import Dataset
from bench.data.roots import data_root
from bench.grid.own_files import dataset_spec
from bench.plugins import registry

_OF_LISTS = ("label_column", "label_columns")  # fields that a list with groups keeps
STYLES = {"undeclared": "bold red", "warning": "bold yellow", "declared": "yellow", "note": "dim"}

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bench.data.audit.inspection import Inspection


def named(name: str) -> Dataset:
    """The data set that ``pacs`` or ``breakhis[magnification=100]`` names.

    Raises:
        UsageError: There is no such data set or parameter.
    """
    spec = dataset_spec(name, option=False)
    return registry.load("datasets", spec.name).build(spec.name, spec.params)


def path(name: str, data: Path | None) -> str:
    """Where the data set lies, or is to be put."""
    return str(named(name).location(data_root(data)))


def fetch(name: str, data: Path | None, quiet: bool) -> str:
    """Download the data set and say what was done.

    Raises:
        BenchError: See `bench.data.download.fetch`.
    """
    from bench.data.download import fetch as download

    return download(named(name), data_root(data), quiet)


def audit(name: str, data: Path | None, partial: bool, groups: Path | None, quiet: bool, json: bool) -> bool:
    """Print the audit; return whether it found no undeclared problem.

    Args:
        groups: Where a list of the samples with their groups is written, or None.

    Raises:
        MissingData: The data are not there.
        UsageError: Groups are asked for, and the samples are no files.
    """
    from rich.console import Console

    from bench.data.audit.checks import audit as check
    from bench.data.audit.checks import is_clean

    def watch(samples: Iterator[Inspection], total: int) -> Iterable[Inspection]:
        from rich.progress import track

        console = Console(stderr=True)
        silent = quiet or json or not console.is_terminal
        return track(samples, f"reading {name}", total, console=console, transient=True, disable=silent)

    report = check(named(name), data_root(data), partial, watch)
    if json:
        print(as_json(report))
    else:
        Console().print(*rendered(report), sep="\n", soft_wrap=True)
    if groups is not None:
        print(_with_groups(named(name), data_root(data), report, groups), file=sys.stderr)
    return is_clean(report)


def _with_groups(dataset: Dataset, root: Path, report: dict[str, Any], file: Path) -> str:
    """Write the list, and say how splits are drawn from it."""
    from bench.data.audit.groups import grouped_list

    text = grouped_list(dataset, root, report, file)
    write_text(file, text)
    count = len({line.rpartition(",")[2] for line in text.splitlines()[1:]})
    spec = _grouped_spec(dataset, file.absolute())
    return f"{file}: {count} groups. Splits that keep them together: {command('data', 'audit', spec, data=root)}"


def _grouped_spec(dataset: Dataset, file: Path) -> Spec:
    """The data set that reads a list with groups: this one where it takes such a list, else one that reads lists."""
    fields = type(dataset).model_fields
    if "groups" in fields:
        return Spec(dataset.plugin_name(), {**dataset.changed(), "groups": str(file), "protocol": "grouped"})
    lists = [name for name, entry in registry.catalog("datasets").items() if dict(entry.card).get("reads") == "list"]
    cls = registry.load("datasets", lists[0])
    found: dict[str, Any] = {"path": str(file), "protocol": "grouped"}
    if "task" in cls.model_fields and dataset.task != cls.model_fields["task"].default:
        found["task"] = dataset.task
    found |= {name: value for name in _OF_LISTS if (value := dataset.changed().get(name)) is not None}
    return Spec(lists[0], found)


def rendered(report: dict[str, Any]) -> list[RenderableType]:
    """The report for the terminal: a table of protocols, then one line a problem."""
    from rich.table import Table
    from rich.text import Text

    title = f"{report['dataset']}: {report['samples']} samples"
    splits = list(dict.fromkeys(name for counts in report["protocols"].values() for name in counts if name != "leaks"))
    protocols = Table("protocol", *splits, "leaks", title=title)
    for name, counts in report["protocols"].items():
        leaks = ", ".join(f"{number} {kind}" for kind, number in counts["leaks"].items()) or "none"
        protocols.add_row(name, *(str(counts[split]) for split in splits), leaks)
    told = [Text(leaks_of(name, report)) for name in report["protocols"]]
    told += [Text(f"{what}: {counted(report[what])}") for what in ("classes", "groups") if report[what]]
    if report["values"]:
        told.append(Text("values: " + ", ".join(f"{name} {value:.6g}" for name, value in report["values"].items())))
    lines = [Text(line(problem), STYLES[problem["status"]]) for problem in report["problems"]]
    if report["duplicates"]:
        lines.append(Text(f"{len(report['duplicates'])} sets of samples share their pixels; --json lists them."))
    if report["near_duplicates"]:
        images = sum(len(one["samples"]) for one in report["near_duplicates"])
        lines.append(Text(f"{images} images in {len(report['near_duplicates'])} sets look alike; --json lists them."))
    return [protocols, *told, *(lines or [Text("No problems.")])]


def leaks_of(protocol: str, report: dict[str, Any]) -> str:
    """What the splits of a protocol share, by identity and by looks."""
    leaks = report["protocols"][protocol]["leaks"]
    by_identity = ", ".join(f"{number} {kind}" for kind, number in leaks.items()) or "none by identity"
    pairs = sum(_across(one, protocol) for one in report["near_duplicates"])
    name = f" ({protocol})" if len(report["protocols"]) > 1 else ""
    looks = f"{pairs} pair{'s' * (pairs != 1)} look{'s' * (pairs == 1)} alike across splits"
    return f"leaks{name}: {by_identity}" + (f"; {looks}" if report["near_duplicates"] else "")


def _across(one: dict[str, Any], protocol: str) -> int:
    """Pairs that join a set of look-alikes and lie in two splits of a protocol."""
    split = dict(zip(one["samples"], one["splits"][protocol], strict=True))
    return sum(len({split[name] for name in link["samples"]} - {""}) > 1 for link in one["links"])


def counted(found: dict[str, int], most: int = 12) -> str:
    """Names with the number of their samples, the largest first."""
    shown = ", ".join(f"{name} {count}" for name, count in list(found.items())[:most])
    return shown + (f", and {len(found) - most} more" if len(found) > most else "")


def line(problem: dict[str, Any]) -> str:
    """One problem as text."""
    shown = ", ".join(problem["samples"][:3])
    examples = f": {shown}" + (", ..." if problem["count"] > 3 else "") if shown else ""
    return f"{problem['status']}: {problem['kind']} ({problem['count']}): {problem['detail']}{examples}"
