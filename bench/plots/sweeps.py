"""One row's value over a field that varies: the number of centres, of shots, the share of the training split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from bench.cells.notation import Spec
from bench.core.errors import UsageError, nearest
from bench.records import Record
from bench.tables import Table
from bench.tables.rows import SUBSETS, Key, Row

Where = Literal["method", "recipe", "dataset"]


@dataclass(frozen=True)
class Sweep:
    """Rows that differ in one numeric field only.

    Attributes:
        base: The rows' key without the field.
        points: Field value -> row, in order of the value.
    """

    field: str
    base: Key
    points: dict[float, Row]


def sweeps(
    table: Table, records: Iterable[Record], where: Where, field: str, rows: list[Row], beside: tuple[str, ...] = ()
) -> list[Sweep]:
    """The sweeps over one field with at least two values; defaults count, although names leave them out.

    Args:
        records: Hold the resolved fields of the table's cells.
        where: Whose field it is.
        rows: Those of the table to look at.
        beside: Fields that may vary with it.
    """
    params = {record.cell: getattr(record, where).params for record in records}
    found: dict[Key, dict[float, Row]] = defaultdict(dict)
    for row in rows:
        value = params[row.cells[0]].get(field) if row.cells else None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found[without(row.key, where, field, *beside)][float(value)] = row
    return [Sweep(field, base, dict(sorted(points.items()))) for base, points in found.items() if len(points) > 1]


def budgets(table: Table, records: Iterable[Record], field: str, rows: list[Row]) -> list[Sweep]:
    """The sweeps over one of `SUBSETS`; validation data that grow with the training data belong to the budget.

    Where one training subset was run with several validation subsets, these stay apart.
    """
    records = list(records)
    joined = sweeps(table, records, "dataset", field, rows, (SUBSETS[field],))
    apart = sweeps(table, records, "dataset", field, rows)
    used = {row.cells for sweep in joined for row in sweep.points.values()}
    lost = any(row.cells not in used for sweep in apart for row in sweep.points.values())
    return apart if lost else joined


def without(key: Key, where: Where, *fields: str) -> Key:
    """The key as if the fields were not named."""
    spec = Spec.parse(getattr(key, where))
    rest = Spec(spec.name, {name: value for name, value in spec.params.items() if name not in fields})
    return replace(key, **{where: str(rest)})  # type: ignore[arg-type]


def varying(rows: Iterable[Row], records: Iterable[Record], where: Where) -> list[str]:
    """Numeric fields with several values within one plug-in, those with most values first."""
    used = {cell for row in rows for cell in row.cells}
    seen: dict[tuple[str, str], set[float]] = defaultdict(set)
    for record in records:
        if record.cell in used:
            part = getattr(record, where)
            for name, value in part.params.items():
                if _is_number(value):
                    seen[part.name, name].add(float(value))
    counts = {place: len(values) for place, values in seen.items() if len(values) > 1}
    return list(dict.fromkeys(name for _, name in sorted(counts, key=lambda place: -counts[place])))


def chosen_field(field: str | None, rows: list[Row], records: list[Record], where: Where) -> str:
    """The field asked for, else the one that varies most.

    Raises:
        UsageError: Nothing varies, or no row has a field of the name that was asked for.
    """
    if field is not None:
        used = {cell for row in rows for cell in row.cells}
        known = {name for record in records if record.cell in used for name in getattr(record, where).params}
        if field not in known:
            raise UsageError(f"No {where} among these rows has a field {field!r}. {nearest(field, known)}")
        return field
    found = varying(rows, records, where)
    if not found:
        raise UsageError(
            "No number varies among these rows. Run a method with several values, as in -o cladapter.k=[5,20]."
        )
    return found[0]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
