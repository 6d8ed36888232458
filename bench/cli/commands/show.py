"""`bench show NAME`: everything known of one plug-in, backbone or recipe, as its source tells it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from bench.backbones.local import local_weights, metadata, weights_folder
from bench.cli.commands import listing
from bench.core.errors import UsageError, nearest
from bench.core.text import as_json, columns, wrapped
from bench.plugins import registry
from bench.plugins.scan import Entry
from bench.plugins.syntax import assigned, parse


def show(name: str, weights: Path | None, json: bool) -> str:
    """Text of ``bench show NAME``; a name of several kinds shows them all.

    Raises:
        UsageError: Nothing has this name.
    """
    facts = [describe(kind, name, weights) for kind in listing.KINDS if name in listing.describe(kind, weights)]
    if not facts:
        known = {known for kind in listing.KINDS for known in listing.describe(kind, weights)}
        raise UsageError(f"Nothing here is called {name!r} (timm's own models aside). {nearest(name, known)}")
    return as_json(facts) if json else "\n\n".join(render(fact) for fact in facts)


def describe(kind: str, name: str, weights: Path | None) -> dict[str, Any]:
    """Everything known, as plain data."""
    if kind == "recipes":
        return _recipe(name)
    if kind == "backbones":
        return _backbone(name, weights_folder(weights))
    return {**_plugin(registry.find(listing.PLUGINS[kind], name)), "kind": kind}


def _backbone(name: str, folder: Path | None) -> dict[str, Any]:
    """A backbone: what its family says, the facts in its file where it has one, and the fields it may be given."""
    from bench.backbones.family import family_of

    family = family_of(name, folder)
    entry = registry.find("backbones", family.plugin_name())
    shown = {"kind": "backbones", "name": name, "text": family.names(folder)[name], "fields": _fields(entry)}
    path = local_weights(folder).get(name)
    if path is None:
        return {**shown, "facts": {"family": entry.name}}
    return {**shown, "file": str(path), "facts": {"family": entry.name, **metadata(path)}}


def _plugin(entry: Entry) -> dict[str, Any]:
    facts = dict(entry.card)
    if entry.protocols:
        facts["protocols"] = ", ".join(entry.protocols)
    if entry.kind == "suites":
        facts |= _suite_variables(entry.path)
    about = {"kind": entry.kind, "name": entry.name, "file": str(entry.path), "text": entry.text}
    return {**about, "facts": facts, "fields": _fields(entry)}


def _fields(entry: Entry) -> list[dict[str, Any]]:
    return [
        {"name": f.name, "type": f.annotation, "default": f.default, "description": f.description} for f in entry.fields
    ]


def _suite_variables(path: Path) -> dict[str, str]:
    return {
        name: ast.unparse(value) for node in parse(path).body for name, value in assigned(node) if value is not None
    }


def _recipe(name: str) -> dict[str, Any]:
    from bench.cells.notation import format_value
    from bench.cells.recipes import Recipe
    from bench.plugins.recipe_files import recipe_file

    about, file = recipe_file(name), registry.find("recipes", name).path
    values = about.recipe
    fields = [
        {
            "name": key,
            "type": "",
            "default": format_value(getattr(values, key)),
            "description": (field.description or "")
            + (f" (assumed: {why})" if (why := about.assumed.get(key)) else ""),
        }
        for key, field in Recipe.model_fields.items()
    ]
    return {"kind": "recipes", "name": name, "file": str(file), "text": about.about, "facts": {}, "fields": fields}


def render(fact: dict[str, Any]) -> str:
    """One thing as text."""
    lines = [f"{fact['name']}  ({fact['kind']})"]
    if fact["text"]:
        lines += ["", *("  " + line for line in fact["text"].strip().splitlines())]
    if "file" in fact:
        lines += ["", wrapped("file", fact["file"])]
    lines += [wrapped(key, str(value)) for key, value in fact["facts"].items()]
    if fact.get("fields"):
        rows = [[f["name"], f["type"], "= " + (f["default"] or "(required)"), f["description"]] for f in fact["fields"]]
        lines += ["", "  parameters", columns(rows, indent=4)]
    return "\n".join(lines)
