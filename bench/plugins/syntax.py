"""Python files as syntax trees: classes, their ancestors across files, and what they assign; nothing is imported."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
Located = tuple[Path, ast.ClassDef]  # a class and the file it stands in


def parse(path: Path) -> ast.Module:
    """Parse a file, once per version of it.

    Raises:
        SyntaxError: The file is not Python.
    """
    return _parse(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _parse(path: Path, mtime_ns: int) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def public_classes(tree: ast.Module) -> list[ast.ClassDef]:
    """Classes at the top level whose names do not begin with an underscore."""
    return [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def assigned(node: ast.stmt) -> list[tuple[str, ast.expr | None]]:
    """(name, value) of an assignment statement."""
    if isinstance(node, ast.AnnAssign):
        return [(node.target.id, node.value)] if isinstance(node.target, ast.Name) else []
    if isinstance(node, ast.Assign):
        return [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
    return []


def class_variables(line: list[Located]) -> dict[str, ast.expr]:
    """Class-level values, the nearest class's first."""
    values: dict[str, ast.expr] = {}
    for _, node in line:
        for statement in node.body:
            for name, value in assigned(statement):
                if value is not None:
                    values.setdefault(name, value)
    return values
