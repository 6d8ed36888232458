"""Data cards: what a data set is, what was found of it, and what to know before believing numbers on it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.commands import command
from bench.core.errors import UsageError
from bench.plugins import registry
from bench.records import Record
from bench.tables.rows import cell_parts

AUDITS = "audits"  # folder of a results folder: NAME.json, as `bench data audit NAME --json` prints it


@dataclass(frozen=True)
class DataCard:
    """One data set that records speak of.

    Attributes:
        facts: Label and text.
        expected: Protocol, split and the published count.
        splits: Those that records have, in their order.
        seen: Cell's data set, protocol, and the samples that records counted in each split.
        leaks, differences: What records say of their protocols and of counts that differ.
        audit: The stored audit, or None.
        audit_again: The commands that store one.
    """

    name: str
    text: str
    facts: list[tuple[str, str]]
    expected: list[tuple[str, str, str]]
    splits: list[str]
    seen: list[tuple[str, ...]]
    leaks: list[str]
    differences: list[str]
    audit: dict[str, Any] | None
    audit_again: str


def data_card(name: str, records: Iterable[Record], results: Path) -> DataCard:
    """What is known of a data set without reading its files.

    Raises:
        UsageError: A stored audit cannot be read.
    """
    records = list(records)
    text, facts, expected = _card(name, records)
    splits = list(dict.fromkeys(split for record in records for split in record.n))
    return DataCard(
        name=name,
        text=text,
        facts=facts,
        expected=expected,
        splits=splits,
        seen=_seen(records, splits),
        leaks=sorted({f"{r.protocol}: {leak}" for r in records for leak in r.flags.leaks}),
        differences=sorted({_difference(r) for r in records if r.flags.partial}),
        audit=_audit(results / AUDITS / f"{name}.json"),
        audit_again=_audit_again(results / AUDITS, name, records[0].cell.rpartition("/seed=")[0]),
    )


def _audit_again(folder: Path, name: str, cell: str) -> str:
    again = command("data", "audit", cell_parts(f"{cell}/seed=0")[0], "--json")
    return f"mkdir -p {shlex.quote(str(folder))} && {again} > {shlex.quote(str(folder / f'{name}.json'))}"


def _card(name: str, records: list[Record]) -> tuple[str, list[tuple[str, str]], list[tuple[str, str, str]]]:
    try:
        cls = registry.load("datasets", name)
    except UsageError:
        return "Its plug-in is not here; give its folder by --plugins.", [], []
    facts = [
        ("licence", cls.licence), ("homepage", cls.homepage), ("citation", cls.citation),
        ("task", ", ".join(dict.fromkeys(record.task for record in records))),
        ("classes", ", ".join(cls.classes[:40]) + (", ..." if len(cls.classes) > 40 else "")),
        ("groups", cls.group_kind if cls.group_kind != "group" else ""),
        ("mirrored samples would be other things along", ", ".join(_never_mirrored(cls, name, records))),
        ("protocols", ", ".join(cls.protocols)),
    ]  # fmt: skip
    expected = [
        (protocol, split, _count(count)) for protocol, counts in cls.expected.items() for split, count in counts.items()
    ]
    return (cls.__doc__ or "").strip(), [(label, text) for label, text in facts if text], expected


def _never_mirrored(cls: Any, name: str, records: list[Record]) -> list[str]:
    """Axes that a data set with the records' fields forbids; records with fields that it no longer has say nothing."""
    found: set[str] = set()
    for params in {json.dumps(record.dataset.params, sort_keys=True) for record in records}:
        with suppress(UsageError):
            found.update(cls.build(name, json.loads(params)).forbidden_flips)
    return sorted(found)


def _count(count: int | tuple[int, ...]) -> str:
    return f"{count:,}" if isinstance(count, int) else f"{sum(count):,} ({' / '.join(map(str, count))})"


def _seen(records: list[Record], splits: Sequence[str]) -> list[tuple[str, ...]]:
    counts: dict[tuple[str, str], dict[str, set[int]]] = {}
    for record in records:
        named = record.cell.partition("/")[0] if "[" not in record.cell else _dataset(record)
        found = counts.setdefault((named, record.protocol), {})
        for split, number in record.n.items():
            found.setdefault(split, set()).add(number)
    return [(*place, *(_numbers(found.get(split, ())) for split in splits)) for place, found in sorted(counts.items())]


def _numbers(found: Iterable[int]) -> str:
    return ", ".join(f"{number:,}" for number in sorted(found))


def _dataset(record: Record) -> str:
    return cell_parts(record.cell)[0]


def _difference(record: Record) -> str:
    told = ", ".join(f"{name}: {value}" for name, value in record.flags.differences.items())
    return f"{record.protocol}: {told or 'counts differ from the published ones'}"


def _audit(file: Path) -> dict[str, Any] | None:
    if not file.is_file():
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        assert isinstance(found["problems"], list)
    except (json.JSONDecodeError, KeyError, TypeError, AssertionError):
        raise UsageError(f"{file} is no audit. Remove it, or write it anew as docs/report.md says.") from None
    return dict(found)
