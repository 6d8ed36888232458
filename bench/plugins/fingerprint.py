"""Fingerprints: what a record must agree with to be up to date. Code counts by what it computes, not by its layout."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from bench.core.errors import UsageError
from bench.plugins import syntax

_PLUGIN_FOLDERS = ("datasets", "baselines", "suites")
_IGNORED_FIELDS = {"kind", "type_comment", "type_ignores", "ctx"}


def source_fingerprint(plugin: type | Path, ignore: Iterable[str] = ()) -> str:
    """Hash the source of a plug-in and of the plug-in files it imports.

    Comments, docstrings, layout and type comments do not count. The hash is made from the syntax tree's non-empty
    fields, so that it is the same for every supported Python.

    Args:
        plugin: A plug-in class or its file.
        ignore: Names whose class-level assignments do not count (a data set's homepage, say).

    Returns:
        The sha256 as 64 hexadecimal digits.

    Raises:
        UsageError: The class was not defined in a file, or the file cannot be read as Python.
    """
    digest = hashlib.sha256()
    for file in sorted(source_files(plugin), key=lambda file: (file.name, str(file))):
        digest.update(file.name.encode() + b"\0" + _hash_file(file, file.stat().st_mtime_ns, frozenset(ignore)))
    return digest.hexdigest()


def source_files(plugin: type | Path) -> set[Path]:
    """The file of a plug-in and the plug-in files it imports.

    Raises:
        UsageError: The class was not defined in a file, or a file cannot be read as Python.
    """
    return _closure((plugin if isinstance(plugin, Path) else _file_of(plugin)).resolve())


def _file_of(cls: type) -> Path:
    try:
        return Path(inspect.getfile(cls))
    except (TypeError, OSError):
        raise UsageError(f"{cls.__name__} has no source file. Write it in a file of a plug-in folder.") from None


def _closure(start: Path) -> set[Path]:
    """The file and every plug-in file it imports, directly or through another."""
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_siblings(file))
    return found


def _siblings(file: Path) -> Iterator[Path]:
    """Plug-in files that ``file`` imports: ``bench.baselines.x``, ``.x``, or ``x`` lying beside it."""
    for module in _imported(_parse(file)):
        parts = module.split(".")
        if parts[0] == "bench" and len(parts) > 2 and parts[1] in _PLUGIN_FOLDERS:
            candidate = syntax.PACKAGE / parts[1] / f"{parts[2]}.py"
        else:
            candidate = file.parent / f"{parts[0]}.py"
        if parts[0] and candidate.is_file():
            yield candidate.resolve()


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            # "from bench.baselines import knn" and "from . import knn" name the module after "import".
            prefix = f"{node.module}." if node.module else ""
            yield from (prefix + name.name for name in node.names)


def _parse(file: Path) -> ast.Module:
    try:
        return syntax.parse(file)
    except (SyntaxError, ValueError, OSError) as error:
        raise UsageError(f"Cannot read the plug-in {file}: {error}.") from error


@lru_cache(maxsize=1024)
def _hash_file(file: Path, mtime_ns: int, ignore: frozenset[str]) -> bytes:
    return hashlib.sha256(_canonical(_parse(file), ignore).encode("utf-8", "surrogateescape")).digest()


def _canonical(node: object, ignore: frozenset[str]) -> str:
    """Write a syntax tree without docstrings, positions, empty fields and ignored assignments."""
    if isinstance(node, list):
        return "[" + ",".join(_canonical(item, ignore) for item in node if not _skipped(item, ignore)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in _IGNORED_FIELDS)
    inside = (f"{name}={_canonical(value, ignore)}" for name, value in fields if value is not None and value != [])
    # A missing constant (None) and an absent field must stay apart.
    constant = repr(node.value) if isinstance(node, ast.Constant) else ""
    return f"{type(node).__name__}({constant}{','.join(inside)})"


def _skipped(node: object, ignore: frozenset[str]) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return True  # a docstring, or a string that does nothing
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return bool(targets) and all(isinstance(target, ast.Name) and target.id in ignore for target in targets)
