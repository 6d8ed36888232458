"""Whether a record is older than what it was made from."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from bench.cells import recipes
from bench.cells.notation import Spec
from bench.core.errors import UsageError
from bench.core.numerics import ENGINE_VERSION
from bench.plugins import recipe_files, registry
from bench.plugins.fingerprint import code_identity
from bench.plugins.scan import Kind
from bench.records import Record
from bench.tables.rows import cell_parts
from bench.tables.table import Table


def stale_reason(record: Record) -> str:
    """What has changed since the record was made, or an empty string.

    Compares the method's code, the recipe and the engine, which needs neither plug-in imports nor images;
    `bench run --dry-run` compares data and weights too. What is not known here, such as a method whose plug-in folder
    was not named, is not judged.
    """
    current = {
        "method": _plugin("baselines", record.method.name),
        "task": _plugin("tasks", record.task),
        **{n: _recipe(cell_parts(record.cell)[3], n) for n in recipes.FINGERPRINTS if n in record.fingerprints},
        "engine": str(ENGINE_VERSION),
    }
    if (augmentation := _augmentation(cell_parts(record.cell)[3])) or "augmentation" in record.fingerprints:
        current["augmentation"] = augmentation
    changed = [name for name, value in current.items() if value and record.fingerprints.get(name) != value]
    return f"{', '.join(changed)} changed since; run it again" if changed else ""


def with_unknown(table: Table) -> Table:
    """The table with a warning on rows whose method is not known here, so that their staleness is unknown."""
    known = registry.catalog("baselines")
    unknown = {"unknown method": "its plug-in is not here, so whether it is stale is not known; see --plugins"}
    rows = [
        row if row.key.method_name in known else replace(row, warnings={**row.warnings, **unknown})
        for row in table.rows
    ]
    return replace(table, rows=rows)


@lru_cache(maxsize=256)
def _plugin(kind: Kind, name: str) -> str:
    try:
        return code_identity(registry.find(kind, name).path)
    except UsageError:
        return ""


@lru_cache(maxsize=4096)
def _augmentation(spec: str) -> str:
    """As a record says it: empty for the first version of a built-in one."""
    try:
        augment = recipe_files.resolve(Spec.parse(spec)).augment
    except UsageError:
        return ""
    identity = _plugin("augmentations", Spec.parse(augment).name) if augment else ""
    return "" if identity == "1" else identity


@lru_cache(maxsize=4096)
def _recipe(spec: str, name: str) -> str:
    try:
        return recipes.fingerprint(recipe_files.resolve(Spec.parse(spec)), name)
    except UsageError:
        return ""
