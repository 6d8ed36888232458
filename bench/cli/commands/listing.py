"""`bench list`: what there is, one line each."""

from __future__ import annotations

import ast
from pathlib import Path

from bench.backbones.local import local_weights, metadata, weights_folder
from bench.cli.commands.text import as_json, columns
from bench.core.errors import UsageError, nearest
from bench.plugins import registry
from bench.plugins.syntax import PACKAGE, parse

KINDS = ("datasets", "baselines", "backbones", "suites", "recipes")


def show(kind: str | None, weights: Path | None, json: bool) -> str:
    """Text of ``bench list [KIND]``.

    Raises:
        UsageError: There is no such kind of thing.
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"Cannot list {kind!r}. {nearest(kind, KINDS)}")
    found = {k: describe(k, weights) for k in KINDS if kind in (None, k)}
    if json:
        return as_json(found)
    return "\n\n".join(_section(k, lines) for k, lines in found.items())


def describe(kind: str, weights: Path | None) -> dict[str, str]:
    """Name -> one line."""
    if kind == "backbones":
        return backbones(weights)
    if kind == "recipes":
        return recipes()
    entries = registry.catalog(kind)  # type: ignore[arg-type]  # the other three kinds
    return {name: f"unusable: {entry.problem}" if entry.problem else entry.doc for name, entry in entries.items()}


def backbones(weights: Path | None) -> dict[str, str]:
    """Embedded weights and those of the weights folder, from their headers."""
    found = {}
    for name, path in local_weights(weights_folder(weights)).items():
        meta = metadata(path)
        size = meta.get("input_size", "").strip("[]").rpartition(",")[2].strip()
        found[name] = (
            f"{meta.get('timm_arch', 'unknown architecture')}, {size or '?'} px, {meta.get('trained_on', '?')}"
        )
    return found


def recipes() -> dict[str, str]:
    """Names and descriptions of `cells.recipes.PRESETS`, read as a syntax tree: importing pydantic takes longer."""
    for node in parse(PACKAGE / "cells" / "recipes.py").body:
        if (
            isinstance(node, ast.AnnAssign)
            and ast.unparse(node.target) == "PRESETS"
            and isinstance(node.value, ast.Dict)
        ):
            return dict(_preset(key, value) for key, value in zip(node.value.keys, node.value.values, strict=True))
    raise AssertionError("bench/cells/recipes.py has no PRESETS")


def _preset(key: ast.expr | None, value: ast.expr) -> tuple[str, str]:
    assert isinstance(key, ast.Constant)
    assert isinstance(value, ast.Call)
    about = {word.arg: word.value for word in value.keywords}["about"]
    return str(key.value), str(ast.literal_eval(about))


def _section(kind: str, lines: dict[str, str]) -> str:
    text = f"{kind}\n" + columns(lines.items())
    if kind == "backbones":
        text += "\n  any timm image model, by timm's name, such as vit_base_patch16_224.augreg_in21k"
    return text
