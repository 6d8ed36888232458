"""`bench cache ls|clear`: what can be computed again, and takes room meanwhile."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from bench.core.errors import UsageError, nearest
from bench.core.eviction import remove, size_of
from bench.core.text import as_json, columns
from bench.data.roots import cache_root

KEPT = ("data",)  # downloads are no cache: they cannot be computed again


@dataclass(frozen=True)
class Entry:
    """One cached array or file."""

    name: str
    megabytes: float


def entries() -> list[Entry]:
    """Everything below the cache folder, downloads aside: ``kind/name``, sorted."""
    root = cache_root()
    kinds = (
        [kind for kind in sorted(root.iterdir()) if kind.is_dir() and kind.name not in KEPT] if root.is_dir() else []
    )
    return [
        Entry(f"{kind.name}/{one.name}", size_of(one) / 1e6)
        for kind in kinds
        for one in sorted(kind.iterdir())
        if one.suffix != ".lock"
    ]


def ls(json: bool) -> str:
    """List the entries with their sizes."""
    found = entries()
    if json:
        return as_json([asdict(entry) for entry in found])
    total = sum(entry.megabytes for entry in found)
    lines = columns([f"{entry.megabytes:,.1f} MB", entry.name] for entry in found)
    return f"{cache_root()}: {len(found)} entries, {total:,.1f} MB" + (f"\n{lines}" if lines else "")


def clear(name: str | None) -> str:
    """Delete entries whose name begins with ``name`` (``decoded``, ``decoded/pacs``), or all.

    Runs that use an array at the moment keep it: the file vanishes when the last of them ends. An entry that is being
    built stays, and is named.

    Raises:
        UsageError: No entry has such a name.
    """
    found = [entry for entry in entries() if entry.name.startswith(name or "")]
    if name and not found:
        raise UsageError(f"The cache holds no {name!r}. {nearest(name, [entry.name for entry in entries()])}")
    deleted = [entry for entry in found if _delete(cache_root() / entry.name)]
    kept = [entry.name for entry in found if entry not in deleted]
    text = f"Deleted {len(deleted)} entries, {sum(entry.megabytes for entry in deleted):,.1f} MB."
    return text + (f" Kept what is being built: {', '.join(kept)}." if kept else "")


def _delete(place: Path) -> bool:
    """Delete one entry unless a process is building it; files are replaced in one step, without a lock."""
    if place.is_dir():
        return remove(place)
    place.unlink(missing_ok=True)
    return True
