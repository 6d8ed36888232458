"""Which records a person means: by filters, or by the names of suites."""

from __future__ import annotations

from collections.abc import Iterable

from bench.api.places import joined
from bench.core.commands import command
from bench.core.errors import UsageError
from bench.plugins.registry import catalog
from bench.records import Store
from bench.tables.corrupt_records import records_of
from bench.tables.filters import select


def chosen(store: Store, filter: str | Iterable[str] | None) -> str | list[str] | None:
    """A pattern, or the names of those cells of suites that the other terms choose.

    Raises:
        UsageError: No record of the suites is there, or a term is wrong.
    """
    terms = [filter] if isinstance(filter, str) else list(filter or ())
    suites = [term for term in terms if term in catalog("suites")]
    rest = joined([term for term in terms if term not in suites])
    if not suites:
        return rest
    from bench.grid.suite import load_targets

    names = {cell.name for suite in load_targets(suites) for cell in suite.cells}
    found = [record.cell for record in select(records_of(store), rest) if record.cell in names]
    if not found:
        raise UsageError(f"No record of {' or '.join(suites)} matches. Run them: `{command('run', *suites)}`")
    return found
