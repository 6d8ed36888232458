"""Samples that are the same or look alike, with their labels and splits, for the audit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bench.data.audit.findings import SHOWN, Problem, Status, View
from bench.data.audit.inspection import Inspection
from bench.data.audit.near_duplicates import BITS, NEAR, Pair, near_links

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
    """Connected sets of samples that look alike although their pixels differ, those with the nearest pair first.

    Each has the ``links`` that join it, the nearest first: pairs of samples, as many as it has different pixels less
    one. Samples with the same pixels are in it together.
    """
    same: dict[str, list[int]] = defaultdict(list)
    for place, sample in enumerate(seen):
        same[sample.pixels].append(place)
    links = near_links([one.small if same[one.pixels][0] == place else None for place, one in enumerate(seen)])
    joined = _joined(len(seen), links)
    sets: dict[int, list[Pair]] = defaultdict(list)
    for link in links:
        sets[joined[link.one]].append(link)
    return _told_sets([(_members(pairs, seen, same), pairs) for pairs in sets.values()], seen, views)


def _joined(count: int, links: list[Pair]) -> list[int]:
    """The number of each sample's connected set."""
    ends = np.array([(link.one, link.other) for link in links], dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    numbers: list[int] = connected_components(graph, directed=False)[1].tolist()
    return numbers


def _members(pairs: list[Pair], seen: list[Inspection], same: dict[str, list[int]]) -> list[str]:
    places = {place for pair in pairs for end in (pair.one, pair.other) for place in same[seen[end].pixels]}
    return [seen[place].id for place in sorted(places)]


def _told_sets(
    sets: list[tuple[list[str], list[Pair]]], seen: list[Inspection], views: list[View]
) -> list[dict[str, Any]]:
    told = _told([ids for ids, _ in sets], views)
    return [{**one, "links": [_link(pair, seen) for pair in pairs]} for one, (_, pairs) in zip(told, sets, strict=True)]


def _link(pair: Pair, seen: list[Inspection]) -> dict[str, Any]:
    samples = [seen[pair.one].id, seen[pair.other].id]
    return {"samples": samples, "distance": pair.distance, "correlation": round(pair.alike, 4)}


def look_alike_problems(views: list[View], near: list[dict[str, Any]]) -> Iterator[Problem]:
    """Sets across and within the splits of each protocol."""
    how = f"at most {NEAR} of {BITS} bits of their perceptual hashes differ"
    for view in views:
        protocol = view.dataset.protocol
        across: list[tuple[int, str]] = []  # images of a set, and a pair of it
        within: list[tuple[int, str]] = []
        for one in near:
            splits = {name: split for name, split in zip(one["samples"], one["splits"][protocol], strict=True) if split}
            if len(splits) > 1:
                (across if len(set(splits.values())) > 1 else within).append((len(splits), _example(one, splits)))
        for kind, found in (("across splits", across), ("within a split", within)):
            if found:
                images = sum(count for count, _ in found)
                detail = f"protocol {protocol}: {images} images in {len(found)} sets look alike {kind} ({how})"
                shown = tuple(example for _, example in found[:SHOWN])
                yield Problem("near_duplicate", "warning", detail, len(found), shown)


def _example(one: dict[str, Any], splits: dict[str, str]) -> str:
    """The nearest pair of a set, one of several splits where there is one."""
    crossover = [link for link in one["links"] if len({splits.get(name) for name in link["samples"]} - {None}) > 1]
    link = (crossover or one["links"])[0]
    return f"{' ~ '.join(link['samples'])} ({link['distance']})"


def conflicts(views: list[View], duplicates: list[dict[str, Any]]) -> Iterator[Problem]:
    """Equal pixels under different labels."""
    conflicting = [found["samples"] for found in duplicates if len(set(found["labels"])) > 1]
    if conflicting:
        declared = any(CONFLICT in view.dataset.rule.leaks for view in views)
        shown = tuple(" = ".join(ids) for ids in conflicting[:SHOWN])
        status: Status = "declared" if declared else "undeclared"
        yield Problem(CONFLICT, status, "the same pixels under different labels", len(conflicting), shown)
