"""A backbone that has seen the data is flagged."""

from __future__ import annotations

import pytest

from bench.data.overlap import overlaps
from bench.datasets.pacs import PACS
from bench.datasets.tiny_imagenet import TinyImageNet


@pytest.mark.parametrize(
    ("trained_on", "seen"),
    [
        ("ImageNet-1k", True),
        ("ImageNet-1k (class 0 is background)", True),
        ("Tiny-ImageNet-200 train split (100,000 images, 64 px)", True),
        ("augreg_in21k_ft_in1k", True),
        ("fb_in22k", True),
        ("laion2b", False),
        ("openai", False),
        ("unknown", False),
    ],
)
def test_imagenet_weights_have_seen_tiny_imagenet(trained_on: str, seen: bool) -> None:
    assert overlaps(TinyImageNet(), trained_on) == seen
    assert not overlaps(PACS(), trained_on)
