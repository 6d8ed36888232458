"""Libraries that are installed and made to look as if they were not."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import distributions, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
_INSTALLED = {canonicalize_name(one.metadata["Name"]) for one in distributions()}


@cache
def _given() -> Mapping[str, list[str]]:
    """Import name -> distributions; reading their metadata takes a second."""
    return packages_distributions()


@cache
def modules_of(extra: str) -> set[str]:
    """Import names of what an extra installs by name, other extras that it joins included."""
    wanted = [Requirement(text) for text in EXTRAS[extra]]
    here = canonicalize_name(PROJECT["name"])
    names = {canonicalize_name(one.name) for one in wanted} - {here}
    own_extras = [other for one in wanted if canonicalize_name(one.name) == here for other in one.extras]
    joined = {name for other in own_extras for name in modules_of(other)}
    given = _given()
    own = {m for m, dists in given.items() if not m.startswith("_") and names & set(map(canonicalize_name, dists))}
    return own | joined


@cache
def of_all_extras() -> set[str]:
    """Import names of what somebody lacks who has installed this package without any extra."""
    needed = _closure(PROJECT["dependencies"])
    given = _given()
    base = {module for module, dists in given.items() if needed & set(map(canonicalize_name, dists))}
    return {name for extra in EXTRAS for name in modules_of(extra)} - base


def _closure(texts: Iterable[str]) -> set[str]:
    """Names of distributions that requirements bring, and what those need in turn."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in texts]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
            found.add(name)
            waiting += map(Requirement, requires(name) or []) if name in _INSTALLED else []
    return found


@contextmanager
def hidden(names: set[str]) -> Iterator[None]:
    """Importing any of these, or what lies below them, raises ModuleNotFoundError, imported before or not."""
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in names}
    for name in before:
        del sys.modules[name]
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # None: there is no such module
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(before)
