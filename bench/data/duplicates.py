"""Samples that are the same or look alike, with their labels and splits, for the audit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bench.data.findings import SHOWN, Problem, Status, View
from bench.data.inspection import Inspection
from bench.data.near import BITS, NEAR, near_pairs

CONFLICT = "conflicting_labels"


def duplicates_of(seen: list[Inspection], views: list[View]) -> list[dict[str, Any]]:
    """Sets of samples with the same pixels, with their labels and, per protocol, splits."""
    same: dict[str, list[str]] = defaultdict(list)
    for sample in seen:
        if sample.pixels:
            same[sample.pixels].append(sample.id)
    return _told([ids for ids in same.values() if len(ids) > 1], views)


def _told(sets: list[list[str]], views: list[View]) -> list[dict[str, Any]]:
    """Sets of samples with their labels and, per protocol, splits."""
    labels = {
        name: int(label)
        for view in views
        if view.dataset.task_plugin.single_label
        for name, label in zip(view.table["id"], view.table["label"], strict=True)
    }
    splits = {
        view.dataset.protocol: dict(zip(view.table["id"], view.table["split"], strict=True)) for view in views if sets
    }
    return [
        {
            "samples": ids,
            "labels": [labels[name] for name in ids] if labels else [],
            "splits": {protocol: [split.get(name, "") for name in ids] for protocol, split in splits.items()},
        }
        for ids in sets
    ]


def look_alikes_of(seen: list[Inspection], views: list[View]) -> list[dict[str, Any]]:
    """Pairs that look alike although their pixels differ, the nearest first."""
    alike = near_pairs([one.small for one in seen])
    pairs = [pair for pair in alike if seen[pair.one].pixels != seen[pair.other].pixels]
    pairs.sort(key=lambda pair: (pair.distance, -pair.alike))
    told = _told([[seen[pair.one].id, seen[pair.other].id] for pair in pairs], views)
    facts = ({"distance": pair.distance, "correlation": round(pair.alike, 4)} for pair in pairs)
    return [{**one, **fact} for one, fact in zip(told, facts, strict=True)]


def look_alike_problems(views: list[View], near: list[dict[str, Any]]) -> Iterator[Problem]:
    """Pairs across and within the splits of each protocol."""
    how = f"at most {NEAR} of {BITS} bits of their perceptual hashes differ"
    for view in views:
        protocol = view.dataset.protocol
        used = [one for one in near if all(one["splits"][protocol])]
        across = [one for one in used if len(set(one["splits"][protocol])) > 1]
        within = [one for one in used if len(set(one["splits"][protocol])) == 1]
        for kind, found in (("across splits", across), ("within a split", within)):
            if found:
                shown = tuple(f"{' ~ '.join(one['samples'])} ({one['distance']})" for one in found[:SHOWN])
                detail = f"protocol {protocol}: pairs {kind} that look alike ({how})"
                yield Problem("near_duplicate", "warning", detail, len(found), shown)


def conflicts(views: list[View], duplicates: list[dict[str, Any]]) -> Iterator[Problem]:
    """Equal pixels under different labels."""
    conflicting = [found["samples"] for found in duplicates if len(set(found["labels"])) > 1]
    if conflicting:
        declared = any(CONFLICT in view.dataset.rule.leaks for view in views)
        shown = tuple(" = ".join(ids) for ids in conflicting[:SHOWN])
        status: Status = "declared" if declared else "undeclared"
        yield Problem(CONFLICT, status, "the same pixels under different labels", len(conflicting), shown)
