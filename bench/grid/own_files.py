"""A folder or list of one's own in a data set's place: a first guess, answered by the data set that reads it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from bench.cells.notation import Spec
from bench.core.errors import UsageError
from bench.data.roots import data_root
from bench.plugins import registry

_LISTS = (".csv", ".tsv", ".xlsx")
_BESIDE = ("boxes", "masks")  # what a folder may hold beside images


def dataset_spec(text: str, option: bool = True) -> Spec:
    """Read a data set's name with its parameters.

    Args:
        option: Whether it was written as a suite's variable, for the message.

    Raises:
        UsageError: The text does not follow the notation, or is a path.
    """
    if not set(text) & set("[]="):
        _check_no_path(text.strip('"'), option)
    return Spec.parse(text)


def _check_no_path(text: str, option: bool) -> None:
    """Raise UsageError where no data set has a name that looks like a path, or is one here or below the data root."""
    if not text or text in registry.catalog("datasets"):
        return
    root = data_root()
    here, below = os.path.exists(text), os.path.exists(root / text)
    if here or below or set(text) & {"/", "\\"} or Path(text).suffix.lower() in _LISTS:
        there = "" if here or below else " Nothing is there either."
        raise UsageError(f"No data set {text!r}.{there} {reading(text if below else absolute(text), option)}")


def absolute(text: str) -> str:
    """A path that is there as every data root reads it; another as it was written."""
    return str(Path(text).absolute()) if os.path.exists(text) else text


def reading(path: str, option: bool = True) -> str:
    """How a folder or list of one's own is named; ``option``: as a suite's variable."""
    kind = "list" if Path(path).suffix.lower() in _LISTS else "folder"
    told = f"For a {kind} of yours: {', or '.join(_readers(kind, path, option))}."
    others = [f" With {what}: {', or '.join(_readers(what, path, option))}." for what in _BESIDE if kind == "folder"]
    return told + "".join(others)


def _readers(reads: str, path: str, option: bool) -> list[str]:
    """The data sets that say they read something, with the path, as a person types them."""
    entries = registry.catalog("datasets").items()
    specs = [Spec(name, {"path": path}) for name, entry in entries if dict(entry.card).get("reads") == reads]
    return [f"-o {shlex.quote(f'dataset={spec}')}" if option else shlex.quote(str(spec)) for spec in specs]
