"""What tables say of files that could not be read: a warning on the rows that lack them, and the file's name."""

from __future__ import annotations

from dataclasses import replace

from bench.core.commands import command
from bench.core.errors import UsageError
from bench.records import CorruptRecord, Record, Store
from bench.tables.rows import Row
from bench.tables.table import Table


def records_of(store: Store) -> list[Record]:
    """All records of a results folder that can be read, without their curves; the others are noted in the store.

    Raises:
        UsageError: There is none.
    """
    records = [record.slim() for record in store.readable()]
    if not records:
        unread = f" that can be read; {store.unreadable[0]}" if store.unreadable else ""
        first = command("run", "quick", results=store.folder)
        fix = "" if unread else f" Run `{first}`, or name another folder by --results."
        raise UsageError(f"No records in {store.folder}{unread or '.'}{fix}")
    return records


def with_corrupt_records(table: Table, store: Store) -> Table:
    """The table with a warning on each row whose folder holds an unreadable file; others are named beneath."""
    if not store.unreadable:
        return table
    rows = [_warned(row, store) for row in table.rows]
    told = {text for row in rows for word, text in row.warnings.items() if word.startswith(_WORD)}
    others = [str(error) for error in store.unreadable if not any(str(error) in text for text in told)]
    return replace(table, rows=rows, always=(*table.always, *(f"left out: {text}" for text in others)))


_WORD = "unreadable"


def _warned(row: Row, store: Store) -> Row:
    cells = (*row.cells, *(record.cell for record in row.failures))
    folders = {store.path(cell).parent for cell in cells}
    found = [error for error in store.unreadable if error.path.parent in folders]
    return replace(row, warnings={**row.warnings, **_mark(found)}) if found else row


def _mark(found: list[CorruptRecord]) -> dict[str, str]:
    return {f"{_WORD} {len(found)}": " ".join(map(str, found))}
