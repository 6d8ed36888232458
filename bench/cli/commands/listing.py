"""`bench list`: what there is, one line each."""

from __future__ import annotations

from pathlib import Path

from bench.backbones.local import weights_folder
from bench.core.errors import UsageError, nearest
from bench.core.text import as_json, columns
from bench.plugins import registry
from bench.plugins.scan import Kind

# What is listed by plug-ins' files -> their kind. Backbones are named by families, which are plug-ins.
PLUGINS: dict[str, Kind] = {
    "datasets": "datasets",
    "tasks": "tasks",
    "baselines": "baselines",
    "families": "backbones",
    "suites": "suites",
    "executors": "executors",
    "callbacks": "callbacks",
    "augmentations": "augmentations",
    "recipes": "recipes",
}
KINDS = (
    "datasets",
    "tasks",
    "baselines",
    "backbones",
    "families",
    "suites",
    "recipes",
    "augmentations",
    "executors",
    "callbacks",
)


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
    entries = registry.catalog(PLUGINS[kind])
    return {name: f"unusable: {entry.problem}" if entry.problem else entry.doc for name, entry in entries.items()}


def backbones(weights: Path | None) -> dict[str, str]:
    """What the families name without importing their libraries; one that cannot be used says so in its place."""
    folder = weights_folder(weights)
    found: dict[str, str] = {}
    for name in registry.catalog("backbones"):
        try:
            found |= registry.load("backbones", name).names(folder)
        except UsageError as error:
            found[name] = f"unusable: {error}"
    return found


def _section(kind: str, lines: dict[str, str]) -> str:
    text = f"{kind}\n" + columns(lines.items())
    if kind == "families":
        text += "\n  `bench show NAME` tells the fields of a family's backbones"
    return text
