"""Folders in which plug-ins lie, and the packages that their files belong to.

Three sources join: the built-in folders, the user's own (``--plugins DIR``, ``BENCH_PLUGINS``), and other packages
through the entry-point group ``bench.plugins``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from bench.core.errors import UsageError
from bench.plugins.syntax import PACKAGE

ENTRY_POINTS = "bench.plugins"
ALONE = (
    "datasets",
    "baselines",
    "suites",
    "augmentations",
    "recipes",
)  # folders of this package that hold plug-ins only
_named: list[Path] = []


def builtin_folders() -> tuple[Path, ...]:
    """The folders of this package that hold plug-ins of one kind and nothing else."""
    return tuple(PACKAGE / kind for kind in ALONE)


def use_folders(folders: list[Path]) -> None:
    """Set the user's plug-in folders (those of ``BENCH_PLUGINS`` join by themselves).

    Raises:
        UsageError: A folder is not there.
    """
    _named[:] = [_existing(folder, "--plugins") for folder in folders]


def add_folders(folders: Iterable[str | Path]) -> None:
    """Further plug-in folders of the user's, beside those set already; errors are those of `use_folders`."""
    use_folders(list(dict.fromkeys([*_named, *(Path(folder).absolute() for folder in folders)])))


def user_folders() -> list[Path]:
    """The folders set by `use_folders` and `add_folders`."""
    return list(_named)


def foreign_folders() -> list[Path]:
    """All folders of plug-ins that are not this package's own.

    Raises:
        UsageError: A folder is not there, or an entry point names a package that is not there.
    """
    return [*_named, *_environment_folders(), *_entry_points()]


def plugin_folders() -> list[Path]:
    """All folders that hold plug-ins only: the built-in ones and everybody else's."""
    return [*builtin_folders(), *foreign_folders()]


def package_of(folder: Path) -> str:
    """The package that a folder is by an entry point, such as ``other_lab.plugins``; else empty.

    Its files are imported by their real names, so that ``from ..layers import X`` works in them.
    """
    for place, package in _entry_points().items():
        if folder.is_relative_to(place.resolve()):
            return ".".join([package, *folder.relative_to(place.resolve()).parts])
    return ""


def _existing(folder: Path, source: str) -> Path:
    if not folder.is_dir():
        raise UsageError(f"The plug-in folder {folder} is not there. Create it, or change {source}.")
    return folder.absolute()


def _environment_folders() -> list[Path]:
    named = os.environ.get("BENCH_PLUGINS", "")
    return [_existing(Path(part), "BENCH_PLUGINS") for part in named.split(os.pathsep) if part]


@lru_cache(maxsize=1)  # reading the metadata of every installed distribution takes a tenth of a second
def _entry_points() -> dict[Path, str]:
    """Folder -> package, of every entry point."""
    from importlib.metadata import entry_points

    found = {}
    for point in entry_points(group=ENTRY_POINTS):
        place = _module_folder(point.module)
        if place is None:
            raise UsageError(
                f"The entry point {point.name!r} in {ENTRY_POINTS} names {point.module}, which is not there."
            )
        found[place[0]] = place[1]
    return found


def _module_folder(module: str) -> tuple[Path, str] | None:
    """The folder of a package, or of the module's file, and its import path; nothing is imported."""
    top, *rest = module.split(".")
    spec = find_spec(top)
    if spec is None:
        return None
    for place in spec.submodule_search_locations or []:
        inside = Path(place, *rest)
        if inside.is_dir():
            return inside, module
        if inside.with_suffix(".py").is_file():
            return inside.parent, module.rpartition(".")[0]
    # a single file on the search path: its folder is nobody's package
    return (Path(spec.origin).parent, "") if spec.origin and not rest else None
