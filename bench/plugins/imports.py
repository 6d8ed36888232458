"""Which files an import statement reaches. Nothing is imported to find out.

What Python does, done on paper: a name's first part is looked up as Python would (`sys.path`, editable installs), the
rest are folders and files below it. Imports that are made by calling a function cannot be seen.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from bench.core.places import INSTALLED, is_library
from bench.plugins.syntax import PACKAGE, parse

_ENDINGS = ("/__init__.py", *EXTENSION_SUFFIXES, ".py")  # in the order in which Python tries them


@dataclass(frozen=True)
class Imported:
    """One module that a file names in an import.

    Attributes:
        level: Leading dots.
        parts: The dotted name; of ``from a.b import X`` it is a, b, X, since X may be a module.
    """

    level: int
    parts: tuple[str, ...]


def imports_of(file: Path) -> tuple[Imported, ...]:
    """The modules that a file imports anywhere in it.

    Raises:
        SyntaxError, ValueError, OSError: The file cannot be read as Python.
    """
    return _imports_of(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=4096)
def _imports_of(file: Path, mtime_ns: int) -> tuple[Imported, ...]:
    return tuple(dict.fromkeys(_statements(parse(file))))


def _statements(tree: ast.Module) -> Iterator[Imported]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Imported(0, tuple(name.name.split("."))) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            yield from (Imported(node.level, (*module, name.name)) for name in node.names)


def files_of(wanted: Imported, importer: Path, beside: Path) -> list[Path | None]:
    """The files that Python runs for an import, packages first; one entry for each part that is looked up.

    A part without a file (a namespace package, a name that is not a module, or nothing at all) gives None, and so do
    the standard library and installed packages. Relative imports begin with the package's own file.

    Args:
        importer: The file that holds the statement.
        beside: The folder of the plug-in, which is the last on `sys.path` once the plug-in is imported.
    """
    if wanted.level:
        if wanted.level > len(importer.parents):
            return [None]
        start = importer.parents[wanted.level - 1]
        return [_file(start), *_below([start], wanted.parts)]
    top, *rest = wanted.parts
    first, roots = _top(top, beside)
    return [first, *_below(roots, rest)]


def module_file(wanted: Imported, importer: Path, beside: Path) -> Path | None:
    """The file of a module itself, or None where it is not there or not Python."""
    found = files_of(wanted, importer, beside)[-1]
    return found if found is not None and found.suffix == ".py" else None


def installed_package(folder: Path) -> Path | None:
    """The folder of the installed package that a folder belongs to, or None outside of installed packages."""
    return next((inside for inside in (folder, *folder.parents) if inside.parent.name in INSTALLED), None)


def _top(name: str, beside: Path) -> tuple[Path | None, list[Path]]:
    """File of a top-level module or package, and the folders in which its submodules lie; of a library nothing."""
    own = installed_package(beside)
    if name == PACKAGE.name:
        return PACKAGE / "__init__.py", [PACKAGE]
    if own is not None and own.name == name:
        return _file(own), [own]
    if name in _libraries:
        return None, []
    spec = _spec(name)
    if spec is None:
        return _file(beside / name), [beside / name]
    file = Path(spec.origin) if spec.has_location and spec.origin else None
    roots = [Path(place) for place in spec.submodule_search_locations or []]
    if all(is_library(place.resolve()) for place in ([file] if file else roots)):
        _libraries.add(name)
        return None, []
    return file, roots


# Top-level names known to be the standard library's or installed: looking one up costs a walk over `sys.path`.
_libraries = set(sys.stdlib_module_names)


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except ValueError:  # a module made by hand, which says nothing of its origin
        return None


def _below(roots: list[Path], parts: Iterable[str]) -> list[Path | None]:
    """Files of the modules ``parts[0]``, ``parts[0].parts[1]``, ... below any of the folders."""
    found: list[Path | None] = []
    for part in parts:
        files = (file for root in roots if (file := _file(root / part)))
        found.append(next(files, None))
        # a regular package has one folder, a namespace package all that there are
        roots = [found[-1].parent] if found[-1] else [root / part for root in roots if (root / part).is_dir()]
        if found[-1] and found[-1].name != "__init__.py":
            roots = []
    return found


def _file(stem: Path) -> Path | None:
    """The file that is imported for a module of this path."""
    return next((file for ending in _ENDINGS if (file := Path(f"{stem}{ending}")).is_file()), None)
