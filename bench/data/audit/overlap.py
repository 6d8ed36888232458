"""Whether a backbone has seen a data set while it was pre-trained."""

from __future__ import annotations

import re

from bench.data.base import Dataset

UNKNOWN = "unknown"


def overlap(dataset: Dataset, trained_on: str) -> str:
    """Why the weights may have seen the data; empty when what they were trained on is known and is something else.

    Args:
        dataset: Its ``overlaps`` lists words, compared without case, spaces and punctuation.
        trained_on: Text of the weights, such as ``ImageNet-1k`` or a timm tag; see `bench.backbones.tags`.

    Returns:
        ``trained_on`` itself where it names (part of) the data set, or where it begins with "unknown"; else "".
    """
    text = trained_on.strip() or UNKNOWN
    seen = _plain(text)
    named = any(_plain(word) in seen for word in dataset.overlaps)
    return text if named or text.lower().startswith(UNKNOWN) else ""


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
