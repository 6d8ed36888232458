"""Adding a baseline changes no line of the core: the core knows no baseline by name."""

from __future__ import annotations

import ast
from pathlib import Path

import bench
from bench.plugins import registry

CORE = Path(bench.__file__).parent
FLOORS = {("tables/rows.py", "majority"), ("tables/rows.py", "knn")}  # tables mark what falls below them


def nodes() -> list[tuple[str, ast.AST]]:
    """Every syntax node of the core, with its file."""
    plugins = {CORE / kind for kind in ("baselines", "datasets", "suites")}
    files = [file for file in CORE.rglob("*.py") if not plugins & set(file.parents)]
    assert len(files) > 50
    return [(str(f.relative_to(CORE)), node) for f in files for node in ast.walk(ast.parse(f.read_text("utf-8")))]


def test_no_baseline_is_named_in_the_core() -> None:
    names = set(registry.catalog("baselines"))
    constants = {(file, node.value) for file, node in nodes() if isinstance(node, ast.Constant)}
    assert {(file, value) for file, value in constants if isinstance(value, str) and value in names} == FLOORS


def test_the_core_imports_no_baseline() -> None:
    imported = {node.module for _, node in nodes() if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for _, node in nodes() if isinstance(node, ast.Import) for alias in node.names}
    assert not [module for module in imported if module and module.startswith("bench.baselines")]
