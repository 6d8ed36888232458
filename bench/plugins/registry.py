"""Plug-in folders -> classes. A plug-in's name is its file's stem; the core never imports one by name.

A folder (see `bench.plugins.folders`) may hold plug-in files directly or in ``datasets/``, ``baselines/``, ``suites/``,
``backbones/``, ``executors/``, ``callbacks/``, ``tasks/``, ``augmentations/`` and (TOML files) ``recipes/``.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.core.errors import BenchError, UsageError, nearest
from bench.plugins.contract import breach
from bench.plugins.fingerprint import source_files, source_fingerprint
from bench.plugins.folders import ALONE, foreign_folders, package_of, use_folders, user_folders
from bench.plugins.scan import KINDS, PACKAGE, Entry, Kind, guess_kind, read, scan

PLURALS: dict[str, Kind] = {kind.removesuffix("s"): kind for kind in KINDS}
SINGULAR: dict[Kind, str] = {
    "datasets": "data set",
    "baselines": "method",
    "suites": "suite",
    "backbones": "backbone family",
    "executors": "executor",
    "callbacks": "callback",
    "tasks": "task",
    "augmentations": "augmentation",
    "recipes": "recipe",
}
_imported: dict[type, tuple[set[Path], str]] = {}  # class -> its files and their fingerprint then


def catalog(kind: Kind) -> dict[str, Entry]:
    """Name -> entry of all plug-ins of a kind, without importing any.

    Raises:
        UsageError: Two files claim one name, or a plug-in folder is not there.
    """
    found: dict[str, Entry] = {}
    for folder, certain in _places(kind):
        for entry in scan(folder, kind, certain):
            other = found.setdefault(entry.name, entry)
            if other.path.resolve() != entry.path.resolve():
                raise UsageError(
                    f"Two {kind} are called {entry.name!r}: {other.path} and {entry.path}. Rename one of the files."
                )
    return found


def find(kind: Kind, name: str) -> Entry:
    """Return a usable entry.

    Raises:
        UsageError: No plug-in has this name, or its file cannot be used.
    """
    entries = catalog(kind)
    if name not in entries:
        raise UsageError(f"No {SINGULAR[kind]} {name!r}. {nearest(name, entries)}")
    return _usable(entries[name])


def load(kind: Kind, name: str) -> Any:
    """Import a plug-in and return its class.

    Raises:
        UsageError: No plug-in has this name, its file cannot be imported, or it holds no or several plug-in classes.
    """
    return _load(kind, name, tuple(user_folders()), os.environ.get("BENCH_PLUGINS", ""))


@lru_cache(maxsize=256)
def _load(kind: Kind, name: str, folders: tuple[Path, ...], environment: str) -> Any:
    """`load`, once per set of plug-in folders: planning asks for the same few classes thousands of times."""
    cls = load_entry(find(kind, name))
    _imported[cls] = source_files(cls), source_fingerprint(cls)
    return cls


def refresh() -> None:
    """Forget plug-ins whose source has changed since they were imported, so that the next use imports them anew.

    A record's fingerprint is that of the file; in a notebook, say, code imported before an edit must not be run for it.
    """
    changed = [cls for cls, (files, source) in _imported.items() if _source(cls, files) != source]
    if not changed:
        return
    files = {file for cls in changed for file in _imported.pop(cls)[0]}
    for name, module in list(sys.modules.items()):
        if (place := getattr(module, "__file__", None)) and Path(place).resolve() in files:
            if place.endswith(".py"):
                Path(importlib.util.cache_from_source(place)).unlink(missing_ok=True)
            del sys.modules[name]
    _load.cache_clear()


def _source(cls: type, files: set[Path]) -> str:
    """Fingerprint of a class as its files are now; empty when one of them has gone."""
    return source_fingerprint(cls) if all(file.is_file() for file in files) else ""


def load_file(path: Path) -> Any:
    """Import the plug-in class of any file, in a plug-in folder or not.

    Raises:
        UsageError: As `load`.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    kind = guess_kind(path)
    if kind not in ("datasets", "baselines"):
        raise UsageError(f"{path} defines no public subclass of Dataset, Method or FeatureMethod.")
    entry = read(path.absolute(), kind)
    assert entry is not None
    return load_entry(_usable(entry))


def load_entry(entry: Entry) -> Any:
    """Import an entry's module and return its plug-in class.

    Raises:
        UsageError: The import fails, or the class lacks what its contract asks for; the message names the line.
    """
    try:
        module = importlib.import_module(module_name(entry))
    except BenchError:
        raise
    except Exception as error:
        raise UsageError(_import_problem(entry, error)) from error
    cls = getattr(module, entry.class_name)
    if problem := breach(cls):
        raise UsageError(problem)
    return cls


def module_name(entry: Entry) -> str:
    """Import path of an entry: ``bench.KIND.NAME``, its real name in an installed package, or one in a made-up package.

    The package made up for a user's folder gives its files a common parent, so that ``from .helpers import ...``
    works; plain ``import helpers`` works because the folder is also the last on ``sys.path``.
    """
    folder = entry.path.resolve().parent
    if folder == PACKAGE / entry.kind:
        return f"{PACKAGE.name}.{entry.kind}.{entry.name}"
    if real := package_of(folder):
        return f"{real}.{entry.name}"
    package = "bench_plugins_" + hashlib.sha256(str(folder).encode()).hexdigest()[:10]
    if package not in sys.modules:
        module = ModuleType(package)
        module.__path__ = [str(folder)]
        sys.modules[package] = module
        sys.path.append(str(folder))
    importlib.invalidate_caches()
    return f"{package}.{entry.name}"


def _usable(entry: Entry) -> Entry:
    if entry.problem:
        raise UsageError(f"Cannot use {entry.problem}")
    return entry


def _places(kind: Kind) -> Iterator[tuple[Path, bool]]:
    """Folders to look in, and whether all their files must be of this kind."""
    yield PACKAGE / kind, kind in ALONE
    for folder in foreign_folders():
        yield folder, False
        if (folder / kind).is_dir():
            yield folder / kind, True


def _import_problem(entry: Entry, error: Exception) -> str:
    """One line that names the file and line of a plug-in that fails to import."""
    folder = str(entry.path.parent)
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(folder)]
    line = error.lineno if isinstance(error, SyntaxError) else (lines[-1] if lines else 1)
    where = error.filename if isinstance(error, SyntaxError) else entry.path
    return f"Cannot import {SINGULAR[entry.kind]} {entry.name!r}: {where}:{line}: {type(error).__name__}: {error}"


__all__ = [
    "KINDS",
    "Entry",
    "catalog",
    "find",
    "load",
    "load_entry",
    "load_file",
    "read",
    "use_folders",
    "user_folders",
]
