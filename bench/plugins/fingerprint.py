"""What a record must agree with to be up to date: versions of built-in plug-ins, and the source of everybody else's.

A built-in plug-in states its `version`, a number that a person raises when the same cell gives other numbers; goldens
in the tests notice when somebody forgot. A plug-in of a user's own folder has no goldens, so its source counts.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from bench.core.errors import UsageError
from bench.core.places import is_library
from bench.plugins import syntax
from bench.plugins.base_classes import lineage
from bench.plugins.folders import ALONE, builtin_folders, package_of
from bench.plugins.imports import Imported, files_of, imports_of, installed_package

_IGNORED_FIELDS = {"kind", "type_comment", "type_ignores", "ctx"}


def code_identity(plugin: type | Path, ignore: Iterable[str] = ()) -> str:
    """What a record remembers of a plug-in's code.

    Args:
        plugin: A plug-in class or its file.
        ignore: As for `source_fingerprint`.

    Returns:
        The version of a built-in plug-in, such as "1"; else the `source_fingerprint`.

    Raises:
        UsageError: As `source_fingerprint`.
    """
    file = _file(plugin)
    return str(version_of(file)) if is_builtin(file) else source_fingerprint(file, ignore)


def is_builtin(file: Path) -> bool:
    """Whether a file is part of this package, its plug-in folders included."""
    return file.is_relative_to(syntax.PACKAGE)


def version_of(file: Path) -> int:
    """The version of a built-in plug-in: of its class, or of the nearest ancestor that states one; nothing is imported.

    Raises:
        UsageError: The version is not a whole number as it is written.
    """
    with _named(file):
        found = [_stated(file, node) for node in syntax.public_classes(syntax.parse(file))]
    return max(found, default=1)


def _stated(file: Path, node: ast.ClassDef) -> int:
    value = syntax.class_variables(lineage(file, node)).get("version")
    if value is None:
        return 1
    if not (isinstance(value, ast.Constant) and isinstance(value.value, int)):
        raise UsageError(f"{file}:{value.lineno}: version must be a whole number, such as version = 2.")
    return value.value


def source_fingerprint(plugin: type | Path, ignore: Iterable[str] = ()) -> str:
    """Hash the source of a plug-in and of everything it imports: see `source_files`.

    Comments, docstrings, layout and type comments do not count, nor does where the files lie. The hash is made from
    the syntax tree's non-empty fields, so that it is the same for every supported Python. Built-in plug-ins that it
    imports count by their version.

    Args:
        plugin: A plug-in class or its file.
        ignore: Names whose class-level assignments do not count (a data set's homepage, say), beside `libraries`.

    Returns:
        The sha256 as 64 hexadecimal digits.

    Raises:
        UsageError: The class was not defined in a file, or the file cannot be read as Python.
    """
    ignored = frozenset(ignore)
    hashes = sorted((file.name, _hash(file, ignored)) for file in source_files(plugin))
    return hashlib.sha256(b"".join(name.encode() + b"\0" + found for name, found in hashes)).hexdigest()


def _hash(file: Path, ignore: frozenset[str]) -> bytes:
    return str(version_of(file)).encode() if is_builtin(file) else _hash_file(file, file.stat().st_mtime_ns, ignore)


def source_files(plugin: type | Path) -> set[Path]:
    """The file of a plug-in and every file it imports, directly or through another.

    Left out are the standard library, installed packages (except the one that the plug-in itself belongs to) and this
    package's core, for which `ENGINE_VERSION` speaks; its plug-in folders are not left out.

    Raises:
        UsageError: The class was not defined in a file, or a file cannot be read as Python.
    """
    start = _file(plugin)
    own = installed_package(start.parent)
    found: set[Path] = set()
    waiting = [start, *_packages(start)]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += [reached for reached in _reached(file, start.parent) if _counts(reached, own)]
    return found


def _file(plugin: type | Path) -> Path:
    return (plugin if isinstance(plugin, Path) else _file_of(plugin)).resolve()


def _file_of(cls: type) -> Path:
    try:
        return Path(inspect.getfile(cls))
    except (TypeError, OSError):
        raise UsageError(f"{cls.__name__} has no source file. Write it in a file of a plug-in folder.") from None


def _packages(file: Path) -> list[Path]:
    """The ``__init__.py`` of the packages around a plug-in, which run when it is imported by its real name."""
    package = package_of(file.parent)
    depth = len(package.split(".")) if package else 0
    return [init for folder in file.parents[:depth] if (init := folder / "__init__.py").is_file()]


def _reached(file: Path, beside: Path) -> Iterator[Path]:
    """The files behind the import statements of one file."""
    if file.suffix != ".py":
        return
    with _named(file):
        imports = imports_of(file)
    for wanted in imports:
        if not _of_the_core(wanted):
            yield from (reached.resolve() for reached in files_of(wanted, file, beside) if reached is not None)


def _of_the_core(wanted: Imported) -> bool:
    """What `_counts` would drop again, known by its name: most of what a plug-in imports."""
    return not wanted.level and wanted.parts[0] == syntax.PACKAGE.name and "".join(wanted.parts[1:2]) not in ALONE


def _counts(file: Path, own: Path | None) -> bool:
    if any(map(file.is_relative_to, builtin_folders())):
        return True
    if file.is_relative_to(syntax.PACKAGE):
        return False
    return not is_library(file) or (own is not None and file.is_relative_to(own))


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Errors of reading a file name it."""
    try:
        yield
    except (SyntaxError, ValueError, OSError) as error:
        raise UsageError(f"Cannot read the plug-in {file}: {error}.") from error


@lru_cache(maxsize=1024)
def _hash_file(file: Path, mtime_ns: int, ignore: frozenset[str]) -> bytes:
    with _named(file):
        text = _canonical(syntax.parse(file), ignore) if file.suffix == ".py" else file.read_bytes().hex()
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _canonical(node: object, ignore: frozenset[str], class_body: bool = False) -> str:
    """Write a syntax tree without docstrings, positions, empty fields and ignored assignments of class bodies."""
    if isinstance(node, list):
        kept = (item for item in node if not (_does_nothing(item) or (class_body and _assigns_only(item, ignore))))
        return "[" + ",".join(_canonical(item, ignore) for item in kept) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in _IGNORED_FIELDS)
    inside = (
        f"{name}={_canonical(value, ignore, isinstance(node, ast.ClassDef) and name == 'body')}"
        for name, value in fields
        if value is not None and value != []
    )
    # A missing constant (None) and an absent field must stay apart.
    constant = repr(node.value) if isinstance(node, ast.Constant) else ""
    return f"{type(node).__name__}({constant}{','.join(inside)})"


def _does_nothing(node: object) -> bool:
    """Whether it is a docstring, or another string that stands by itself."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _assigns_only(node: object, names: frozenset[str]) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return bool(targets) and all(isinstance(target, ast.Name) and target.id in names for target in targets)
