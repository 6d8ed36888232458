"""Rows of one comparison group that were run with different seeds, so that their means are over different runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence

from bench.tables.comparison_groups import Compared, name_of
from bench.tables.rows import Key

NAMED = 3  # rows that are named; more are counted


def unequal(compared: Compared, keys: Collection[Key] = ()) -> str:
    """``unequal seeds (4: lora; 2: vpt)``; empty where the rows share all seeds, or no seed plays a part.

    Args:
        keys: The rows asked about; all of the group if empty.
    """
    runs = compared.verdicts.runs if compared.verdicts is not None else {}
    found: dict[frozenset[Hashable], list[str]] = defaultdict(list)
    for name in map(name_of, keys or compared.keys):
        if name in runs:
            found[runs[name]].append(compared.label(name))
    if len(found) < 2:
        return ""
    told = [f"{len(seeds)}: {_named(names)}" for seeds, names in sorted(found.items(), key=lambda one: -len(one[0]))]
    return f"unequal seeds ({'; '.join(told)})"


def seed_notes(found: Sequence[Compared]) -> list[str]:
    """A sentence for the groups whose rows have unequal seeds, one for those of which the same is said."""
    said: dict[str, list[str]] = defaultdict(list)
    for compared in found:
        said[unequal(compared)].append(compared.place.label)
    return [f"{_first(places)}: {words}. {MEANING}" for words, places in said.items() if words]


MEANING = "Their means are over different runs; each pair is judged on the seeds that both have."


def _first(places: list[str]) -> str:
    return places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"


def _named(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} rows"
