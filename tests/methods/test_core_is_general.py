"""Adding a plug-in changes no line of the core: the core knows none by name."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import bench
from bench.plugins import registry
from bench.plugins.scan import KINDS, Kind

CORE = Path(bench.__file__).parent
# a key of COCO's files, and the name of a figure
# submitit calls its own executor what our plug-in is called; libraries and extras are called so too
OTHER_MEANINGS = {
    ("data/formats/coco.py", "segmentation"), ("executors/arrays.py", "slurm"),
    ("core/errors.py", "adapter"), ("claims/render.py", "delta"),
    ("executors/ray_session.py", "ray"),
    *(("core/extras.py", name) for name in ("ray", "slurm", "mlflow", "tensorboard", "wandb", "hf")),
}  # fmt: skip


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """Every syntax node of the core, with its file."""
    own = {CORE / kind for kind in ("baselines", "datasets", "suites")}
    built_in = {entry.path for kind in KINDS for entry in registry.catalog(kind).values()}
    files = [file for file in CORE.rglob("*.py") if not own & set(file.parents) and file not in built_in]
    assert len(files) > 50
    return [(str(f.relative_to(CORE)), node) for f in files for node in ast.walk(ast.parse(f.read_text("utf-8")))]


@pytest.mark.parametrize("kind", ["baselines", "tasks", "datasets", "executors", "callbacks", "suites"])
def test_no_plug_in_is_named_in_the_core(kind: Kind) -> None:
    """`inline` and `print` are there where nobody asks for others; a recipe may be named as a suite is."""
    names = set(registry.catalog(kind)) - {"inline", "print"} - set(registry.catalog("recipes"))
    found = {(file, node.value) for file, node in nodes() if isinstance(node, ast.Constant)}
    named = {(file, value) for file, value in found if isinstance(value, str) and value in names}
    assert named <= OTHER_MEANINGS


def test_the_core_imports_no_baseline() -> None:
    imported = {node.module for _, node in nodes() if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for _, node in nodes() if isinstance(node, ast.Import) for alias in node.names}
    assert not [module for module in imported if module and module.startswith("bench.baselines")]
