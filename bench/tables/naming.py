"""The shortest filter that names a row, a run or a setting among the records that are there, for messages to offer."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from bench.cells.notation import Spec
from bench.core.errors import UsageError
from bench.records import Part, Record
from bench.tables.filters import PLUGINS, parse_term, select, text_of

ROW = ("method", "backbone", "dataset", "protocol", "recipe")
RUN = (*ROW, "seed")
SETTING = ("dataset", "protocol", "backbone")  # what a figure of methods holds fixed


def naming(record: Record, among: Iterable[Record], parts: Sequence[str] = ROW) -> str:
    """A filter for those of the records that are equal to one of them in some parts of the name, and for no others.

    Parts and fields in which the records do not differ are left out; empty if they differ in none.

    Args:
        parts: Keys of `bench.tables.filters`; earlier ones are preferred.
    """
    left, terms = list(among), []
    for key in parts:
        alike = [one for one in left if _alike(_part(one, key), _part(record, key))]
        if len(alike) < len(left):
            terms.append(_term(record, left, alike, key))
            left = alike
    return " ".join(terms)


def one_run(records: Sequence[Record], filter: str) -> Record:
    """The one finished run that a pattern or a cell's name chooses.

    Raises:
        UsageError: It chooses none or several.
    """
    finished = [record for record in records if record.status == "done"]
    done = [record for record in select(records, filter) if record.status == "done"]
    done = [record for record in done if record.cell == filter] or done
    if len(done) != 1:
        raise UsageError(which(filter, "finished run", [naming(record, finished, RUN) for record in done]))
    return done[0]


def which(filter: str, what: str, names: Sequence[str], most: int = 5) -> str:
    """What to say of a filter that should choose one thing and chooses none or several, with the filters that do."""
    if not names:
        return f"{filter!r} names no {what}: nothing like it was run here, or all of it failed."
    more = f" and {len(names) - most} more" if len(names) > most else ""
    offered = ", ".join(shlex.quote(name) for name in names[:most])
    return f"{filter!r} names {len(names)} {what}s. Say which: {offered}{more}."


def _term(record: Record, left: Sequence[Record], alike: Sequence[Record], key: str) -> str:
    """What keeps the records alike in this part, and drops the rest."""
    part = _part(record, key)
    if isinstance(part, str):
        return f"{key}={part}"
    short = str(Spec(part.name, _telling(part, [getattr(one, key) for one in left])))
    fits = parse_term(short)
    return short if sum(map(fits, left)) == len(alike) else f"{key}={short}"  # another part may have this name


def _telling(part: Part, others: Iterable[Part]) -> dict[str, object]:
    """The fields that tell a plug-in from others of its name."""
    rivals = [other for other in others if other.name == part.name and not _alike(other, part)]
    told = {}
    for field, value in part.params.items():
        same = [rival for rival in rivals if field in rival.params and rival.params[field] == value]
        if len(same) < len(rivals):
            told[field], rivals = value, same
    return told


def _alike(one: Part | str, other: Part | str) -> bool:
    """Whether two parts are equal; a field that one lacks came with a later version and tells nothing."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    both = one.params.keys() & other.params.keys()
    return one.name == other.name and all(one.params[field] == other.params[field] for field in both)


def _part(record: Record, key: str) -> Part | str:
    return getattr(record, key) if key in PLUGINS else text_of(record, key)
