"""Features before and after the adapter in two dimensions (t-SNE, as CLAdapter's Figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.core.errors import UsageError
from bench.core.text import counted
from bench.plots.chart import Chart, panels
from bench.plots.style import COLUMN, series
from bench.records import Record, prediction_key
from bench.tables.filters import SPLITS, check_split
from bench.tables.predictions import Run, names_of

BEFORE = "backbone"  # takes a stage's place in the key of features that no method has touched
FEWEST = 5  # samples that t-SNE can place
MOST = 2000  # samples that are drawn: t-SNE takes seconds up to here


def embedding(run: Run, class_names: Sequence[str] = (), split: str = "test", seed: int = 0) -> Chart:
    """One panel for the backbone's own features and one for each stage's, where the record's arrays hold them.

    Arrays are ``backbone/test/features`` and ``<stage>/test/features``, each (n, d); t-SNE is scikit-learn's.

    Raises:
        UsageError: No features are stored with the record, or too few samples.
    """
    check_split(split, (*SPLITS, "train"))
    record, arrays = run
    found, targets = _stored(record, arrays, split)
    chosen = _sample(len(targets), seed)
    labels = targets[chosen].astype(int)
    names = names_of(int(labels.max()) + 1, class_names)
    values = [
        {"panel": _title(place), "x": float(x), "y": float(y), "class": names[label]}
        for place, features in found.items()
        for (x, y), label in zip(_tsne(features[chosen], seed), labels, strict=True)
    ]
    return panels(
        _finding({place: neighbour_purity(features[chosen], labels) for place, features in found.items()}),
        [record.cell, counted(len(chosen), f"{split} item"), "t-SNE: distances between groups mean nothing"],
        f"Features of {len(chosen)} items in two dimensions, {len(found)} panels, one colour a class.",
        values,
        ("panel", [_title(place) for place in found]),
        {"width": (COLUMN - 20) // 2, "height": 150, **_view([names[label] for label in np.unique(labels)])},
    )


def _stored(record: Record, arrays: dict[str, np.ndarray], split: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Features by panel, and the samples' targets."""
    targets = arrays.get(prediction_key(split, "targets"))
    keys = {place: prediction_key(split, "features", place) for place in (BEFORE, *(s.name for s in record.stages))}
    found = {place: arrays[key] for place, key in keys.items() if key in arrays}
    if targets is None or not found:
        raise UsageError(f"No {split} features are stored with {record.cell}. Run it with --keep-features.")
    if len(targets) < FEWEST:
        raise UsageError(f"{record.cell} has {len(targets)} {split} samples: too few for t-SNE.")
    return found, targets


def _sample(n: int, seed: int) -> np.ndarray:
    return np.arange(n) if n <= MOST else np.random.default_rng(seed).permutation(n)[:MOST]


def neighbour_purity(features: np.ndarray, labels: np.ndarray) -> float:
    """Share of samples whose nearest other sample (Euclidean, in all dimensions) is of their class."""
    points = features.reshape(len(features), -1).astype(np.float64)
    squares = (points**2).sum(1)
    distances = squares[:, None] + squares[None] - 2 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(1)] == labels).mean())


def _title(panel: str) -> str:
    return "before: backbone" if panel == BEFORE else f"after: {panel}"


def _tsne(features: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    points = features.reshape(len(features), -1).astype(np.float32)
    perplexity = min(30.0, (len(points) - 1) / 3)
    return np.asarray(TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(points)).round(3)


def _finding(purity: dict[str, float]) -> str:
    told = [
        f"{100 * share:.0f} % {'before the method' if panel == BEFORE else f'after {panel}'}"
        for panel, share in purity.items()
    ]
    return f"Nearest neighbour of the same class: {', '.join(told)}"


def _view(names: list[str]) -> dict[str, Any]:
    bare = {"title": None, "axis": None, "scale": {"zero": False}}
    return {
        "mark": {"type": "point", "filled": True, "size": 18, "opacity": 0.8},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", **bare},
            "y": {"field": "y", "type": "quantitative", **bare},
            **series("class", names),
            "tooltip": [{"field": "class"}],
        },
    }
