"""Classes and their ancestors across files, as far as source tells."""

from __future__ import annotations

import ast
from pathlib import Path

from bench.plugins.imports import Imported, module_file
from bench.plugins.syntax import Located, parse


def lineage(path: Path, node: ast.ClassDef) -> list[Located]:
    """The class and its ancestors, nearest first.

    Args:
        path: The file that the class stands in; modules beside it can be imported by their plain names.
    """
    line = [(path.resolve(), node)]
    for file, ancestor in line:  # grows while it is walked
        for base in ancestor.bases:
            found = _find(file, ast.unparse(base), line[0][0].parent)
            if found is not None and found not in line:
                line.append(found)
    return line


def _find(path: Path, dotted: str, beside: Path, depth: int = 0) -> Located | None:
    """Find the class that ``Name`` or ``module.Name`` refers to in a file, following imports."""
    if depth > 8:  # an import cycle
        return None
    prefix, _, name = dotted.rpartition(".")
    for node in parse(path).body:
        if isinstance(node, ast.ClassDef) and node.name == dotted:
            return path, node
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if (alias.asname or alias.name) == (prefix or name):
                    wanted, name_there = _imported(node, alias.name, prefix, name)
                    file = module_file(wanted, path, beside)
                    return _find(file.resolve(), name_there, beside, depth + 1) if file else None
    return None


def _imported(node: ast.Import | ast.ImportFrom, imported: str, prefix: str, name: str) -> tuple[Imported, str]:
    """The module an import refers to, and the class's name there."""
    if isinstance(node, ast.Import):  # import bench.methods as m; m.Method
        return Imported(0, tuple(imported.split("."))), name
    module = tuple(node.module.split(".")) if node.module else ()
    if prefix:  # from bench import methods; methods.Method
        return Imported(node.level, (*module, imported)), name
    return Imported(node.level, module), imported
