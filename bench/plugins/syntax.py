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


def lineage(path: Path, node: ast.ClassDef) -> list[Located]:
    """The class and its ancestors as far as source files tell, nearest first."""
    line = [(path.resolve(), node)]
    for file, ancestor in line:  # grows while it is walked
        for base in ancestor.bases:
            found = _find(file, ast.unparse(base))
            if found is not None and found not in line:
                line.append(found)
    return line


def _find(path: Path, dotted: str, depth: int = 0) -> Located | None:
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
                    file, wanted = _imported(path, node, alias.name, prefix, name)
                    return _find(file, wanted, depth + 1) if file else None
    return None


def _imported(
    path: Path, node: ast.Import | ast.ImportFrom, imported: str, prefix: str, name: str
) -> tuple[Path | None, str]:
    """The file an import refers to, and the class's name there."""
    if isinstance(node, ast.Import):  # import bench.methods as m; m.Method
        return _module_file(path, imported, 0), name
    module = node.module or ""
    if prefix:  # from bench import methods; methods.Method
        return _module_file(path, f"{module}.{imported}".strip("."), node.level), name
    return _module_file(path, module, node.level), imported


def _module_file(path: Path, module: str, level: int) -> Path | None:
    """The file of an imported module, when it is one of ours or lies beside the importing file."""
    parts = module.split(".") if module else []
    if level:
        start = path.parents[level - 1]
    elif parts and parts[0] == PACKAGE.name:
        start, parts = PACKAGE, parts[1:]
    else:
        start = path.parent
    place = start.joinpath(*parts)
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file.resolve()
    return None
