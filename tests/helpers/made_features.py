"""Feature files as `clip_features` reads them, made of class centres that text knows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

NAMES = [f"thing_{letter}" for letter in "abcdef"]
WIDTH = 16
ROWS = {"test": 5, "val": 4, "support1": 1, "support2": 2, "support4": 4}  # of each class
MODEL = "OpenAI CLIP ViT-B/32 (QuickGELU)"


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def centres() -> np.ndarray:
    return np.random.default_rng(7).normal(size=(len(NAMES), WIDTH))


def rows(each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(len(NAMES)), each)
    noise = np.random.default_rng(seed).normal(size=(len(labels), WIDTH))
    return unit(centres()[labels] + 0.5 * noise).astype(np.float16), labels.astype(np.int16)


def turned() -> dict[str, np.ndarray]:
    """Labels of the same rows where the classes stand in the opposite order."""
    return {f"{part}.y": (len(NAMES) - 1 - rows(each, 0)[1]).astype(np.int16) for part, each in ROWS.items()}


def feature_files(root: Path, stem: str = "things", names: list[str] = NAMES, **changed: object) -> Path:
    """Write ``clip_features/STEM.safetensors`` and its text below a data root, and return the root."""
    place = root / "clip_features"
    place.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    for seed, (part, each) in enumerate(ROWS.items()):
        arrays[f"{part}.x"], arrays[f"{part}.y"] = rows(each, seed)
    facts = {"classes": json.dumps(names), "model": MODEL, "normalised": "true"}
    arrays.update({key: value for key, value in changed.items() if isinstance(value, np.ndarray)})
    facts.update({key: value for key, value in changed.items() if isinstance(value, str)})
    save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, place / f"{stem}.safetensors", facts)
    text = (9 * unit(centres())).astype(np.float32)
    listed = {"imagenet": ["thing a, first thing", *(name.replace("_", "-") for name in NAMES[1:4])], "oid": NAMES[4:]}
    save_file(
        {"imagenet.photo_of_a": text[:4].copy(), "oid.a_name": text[4:].copy()},
        place / "text.safetensors",
        {"classes": json.dumps(listed), "normalised": "false (raw)", "model": MODEL},
    )
    return root
