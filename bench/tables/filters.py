"""Which records a table shows: patterns on the canonical name and its parts.

- ``pacs/*/cladapter``: parts in order (data set, backbone, method, recipe, seed); parts left out match anything;
- ``cladapter[k=10]``: any part so named, with these values among its fields, defaults included;
- ``method=cladapter*``: one named part (``dataset``, ``protocol``, ``backbone``, ``method``, ``recipe``, ``seed``,
  ``status``);
- ``~protocol=image*``: everything but what the rest of the term says.

``*`` and ``?`` are wild; terms separated by spaces must all match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from bench.cells.notation import format_value, parse_value
from bench.core.errors import UsageError, nearest
from bench.records import Part, Record

PLUGINS = ("dataset", "backbone", "method", "recipe")
PARTS = (*PLUGINS, "seed")
KEYS = (*PARTS, "protocol", "status")
ANY = "name"  # of any part
NOT = "~"
SPLITS = ("test", "val", "external")  # whose numbers can be shown

Test = Callable[[Record], bool]


@dataclass(frozen=True)
class PartPattern:
    """``name[key=value,...]`` with wild cards, or a whole value such as ``seed=0``."""

    name: str
    params: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> PartPattern:
        """Read a pattern.

        Raises:
            UsageError: The brackets do not match, or a parameter has no value.
        """
        match = re.fullmatch(r"([^\[\]]*)(?:\[(.*)\])?", text, re.DOTALL)
        if match is None:
            raise UsageError(f"Cannot read the filter {text!r}. Write name[key=value], with * for anything.")
        params = {}
        for pair in split_outside(match[2] or "", ","):
            key, equals, value = pair.partition("=")
            if not equals:
                raise UsageError(f"Cannot read {pair!r} in the filter {text!r}. Write key=value.")
            params[key] = value
        return cls(match[1] or "*", params)

    def matches(self, part: Part) -> bool:
        """Whether a plug-in has this name and these field values."""
        return like(self.name, part.name) and all(
            key in part.params and _fits(value, part.params[key]) for key, value in self.params.items()
        )


def select(records: Iterable[Record], filter: str | Collection[str] | None) -> list[Record]:
    """The records that a pattern chooses, or those of the cells named.

    Raises:
        UsageError: The filter cannot be read, or no record matches it.
    """
    records = list(records)
    if filter is not None and not isinstance(filter, str):
        names = set(filter)
        return [record for record in records if record.cell in names]
    terms = split_outside(filter or "", " ")
    tests = [parse_term(term) for term in terms]
    chosen = [record for record in records if all(test(record) for test in tests)]
    if records and not chosen:
        raise UsageError(
            f"No record matches {filter!r}. {_why_none(records, terms)} Use * for anything, as in 'clad*'."
        )
    return chosen


def check_split(name: str, known: Collection[str] = SPLITS) -> None:
    """Raise UsageError unless a split's numbers can be shown."""
    if name not in known:
        raise UsageError(f"No split {name!r}. {nearest(name, known)}")


def parse_term(term: str) -> Test:
    """One condition on a record.

    Raises:
        UsageError: The term cannot be read.
    """
    if term.startswith(NOT):
        unwanted = parse_term(term.removeprefix(NOT))
        return lambda record: not unwanted(record)
    tests = [_test(key, value) for key, value in _conditions(term)]
    return lambda record: all(test(record) for test in tests)


def _conditions(term: str) -> list[tuple[str, str]]:
    """What a term asks of which part."""
    key, equals, value = term.partition("=")
    if equals and key in KEYS:
        return [(key, value)]
    if equals and re.fullmatch(r"\w+", key):
        raise UsageError(f"Cannot filter by {key!r}. {nearest(key, KEYS)} A part's field is written name[{term}].")
    parts = split_outside(term, "/")
    if len(parts) > len(PARTS):
        raise UsageError(f"The filter {term!r} has too many parts. A name is dataset/backbone/method/recipe/seed=N.")
    if len(parts) == 1:
        return [(ANY, term)]
    return [(kind, part.removeprefix("seed=")) for kind, part in zip(PARTS, parts, strict=False)]


def _why_none(records: list[Record], terms: list[str]) -> str:
    """The first condition that no record fulfils, with what is near it."""
    for key, value in (condition for term in terms for condition in _conditions(term)):
        if not any(map(_test(key, value), records)):
            return _lacking(records, key, value)
    return "Each of its parts matches some, but none all of them."


def _lacking(records: list[Record], key: str, value: str) -> str:
    if key not in (ANY, *PLUGINS):
        return f"None has {key}={value}. {nearest(value, {text_of(record, key) for record in records})}"
    pattern = PartPattern.parse(value)
    parts = [part for record in records for part in _parts(record, key)]
    named = [part for part in parts if like(pattern.name, part.name)]
    if not named:
        return f"No {key} here is {pattern.name!r}. {nearest(pattern.name, {part.name for part in parts})}"
    for field, wanted in pattern.params.items():
        values = [part.params[field] for part in named if field in part.params]
        if not values:
            known = {field for part in named for field in part.params}
            return f"{pattern.name} has no parameter {field!r}. {nearest(field, known)}"
        if not any(_fits(wanted, one) for one in values):
            return f"{pattern.name} has {field}={', '.join(sorted(set(map(format_value, values))))} here."
    return f"Each of the values in {value!r} was run, but not together."


def _test(key: str, value: str) -> Test:
    if key in (ANY, *PLUGINS):
        pattern = PartPattern.parse(value)
        return lambda record: any(pattern.matches(part) for part in _parts(record, key))
    return lambda record: like(value, text_of(record, key))


def text_of(record: Record, key: str) -> str:
    """A part that is no plug-in as text; the seed as the cell's name writes it after ``seed=``."""
    if key != "seed":
        return str(getattr(record, key))
    return f"{record.seed}" if record.data_seed == record.seed else f"{record.seed},data_seed={record.data_seed}"


def _parts(record: Record, key: str) -> list[Part]:
    """The plug-in of a record that a key names, or all four."""
    return [getattr(record, name) for name in (PLUGINS if key == ANY else (key,))]


def _fits(pattern: str, value: Any) -> bool:
    """Whether a field has this value, however the number is written, or its text fits the pattern."""
    if like(pattern, format_value(value)):
        return True
    try:
        return bool(parse_value(pattern) == value)
    except UsageError:  # a pattern with wild cards is no value
        return False


def like(pattern: str, text: str) -> bool:
    """Whether the whole text fits a pattern in which only ``*`` and ``?`` are wild (brackets are not)."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None


def split_outside(text: str, separator: str) -> list[str]:
    """Split at separators that stand outside of brackets and quotes; empty pieces are dropped."""
    pieces, depth, quoted = [""], 0, False
    for char in text:
        quoted ^= char == '"'
        depth += 0 if quoted else (char == "[") - (char == "]")
        if char == separator and not depth and not quoted:
            pieces.append("")
        else:
            pieces[-1] += char
    return [piece for piece in pieces if piece]
