"""A table's numbers computed a second way: from the npz files, by scikit-learn and scipy alone."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn import metrics as sk

Numbers = dict[str, Any]


def recomputed(results: Path) -> dict[tuple[str, str], Numbers]:
    """(name without seed, stage) -> seeds, n and the mean of each metric, of all finished test predictions."""
    runs: dict[tuple[str, str], list[tuple[int, dict[str, float]]]] = defaultdict(list)
    for file in sorted(results.rglob("seed=*.npz")):
        name = json.loads(file.with_suffix(".json").read_text())["cell"].rpartition("/")[0]
        with np.load(file, allow_pickle=False) as arrays:
            labels = arrays["test/targets"]
            assert len(set(arrays["test/ids"].tolist())) == len(labels)
            for key in arrays.files:
                if key.endswith("/test/logits"):
                    runs[name, key.split("/")[0]].append((len(labels), measured(labels, arrays[key])))
    return {row: averaged(found) for row, found in runs.items()}


def measured(labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Every metric of one split, by scikit-learn; all classes occur in the splits this is used on."""
    predicted, probabilities = logits.argmax(1), softmax(logits.astype(np.float64), axis=1)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(labels, predicted, average="macro", zero_division=0)
    confident = probabilities.max(1)
    bins = np.digitize(confident, np.linspace(0, 1, 16)[1:-1], right=True)
    gaps = [abs(((predicted == labels)[bins == b] - confident[bins == b]).sum()) for b in range(15)]
    return {
        "accuracy": sk.accuracy_score(labels, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "macro_precision": precision,
        "macro_recall": recall,
        "macro_f1": f1,
        "paper_f1": 2 * precision * recall / (precision + recall),
        "auc": sk.roc_auc_score(labels, probabilities, multi_class="ovr"),
        "nll": sk.log_loss(labels, probabilities),
        "ece": sum(gaps) / len(labels),
    }


def averaged(runs: list[tuple[int, dict[str, float]]]) -> Numbers:
    """Mean of each metric over runs."""
    found: Numbers = {"n": runs[0][0], "seeds": len(runs)}
    for name in runs[0][1]:
        found[name] = float(np.mean([metrics[name] for _, metrics in runs]))
    return found
