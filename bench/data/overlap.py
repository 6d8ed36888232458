"""Whether a backbone has seen a data set while it was pre-trained."""

from __future__ import annotations

import re

from bench.data.base import Dataset


def overlaps(dataset: Dataset, backbone_trained_on: str) -> bool:
    """Whether the weights' ``trained_on`` names (part of) the data set.

    Args:
        dataset: Its ``overlaps`` lists words, compared without case, spaces and punctuation.
        backbone_trained_on: Free text of the weights, or a timm tag such as ``augreg_in21k_ft_in1k``.
    """
    seen = _plain(backbone_trained_on)
    return any(_plain(word) in seen for word in dataset.overlaps)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
