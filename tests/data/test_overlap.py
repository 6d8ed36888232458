"""A backbone that has seen the data is flagged, and one of which nobody says what it has seen is flagged as such."""

from __future__ import annotations

import pytest

from bench.backbones.hub import from_hub
from bench.backbones.tags import trained_on
from bench.data.audit.overlap import overlap
from bench.datasets.pacs import PACS
from bench.datasets.tiny_imagenet import TinyImageNet


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("ImageNet-1k", True),
        ("ImageNet-1k (class 0 is background)", True),
        ("Tiny-ImageNet-200 train split (100,000 images, 64 px)", True),
        ("augreg_in21k_ft_in1k", True),
        ("fb_in22k", True),
        ("laion2b", False),
        ("openai", False),
        ("nothing (random)", False),
    ],
)
def test_imagenet_weights_have_seen_tiny_imagenet(text: str, seen: bool) -> None:
    assert overlap(TinyImageNet(), text) == (text if seen else "")
    assert overlap(PACS(), text) == ""


@pytest.mark.parametrize(
    "tag",
    [
        "mae", "dino", "fb_dino", "fcmae", "lvd142m", "dinov3_lvd1689m", "mim_m38m", "merged2b", "fb_inw21k", "bamboo",
        "sa1b", "a1_in1k", "miil_in21k", "in22k_ijepa", "clip_laion2b_augreg_ft_in12k",
    ],
)  # fmt: skip
def test_tags_of_imagenet_weights_are_known(tag: str) -> None:
    assert overlap(TinyImageNet(), trained_on(tag)).startswith(tag)
    assert overlap(PACS(), trained_on(tag)) == ""


@pytest.mark.parametrize("tag", ["openai", "laion400m_e32", "webli", "v2_webli", "metaclip_2pt5b", "dfn5b", "yfcc15m"])
def test_tags_of_other_data_are_known_too(tag: str) -> None:
    assert overlap(TinyImageNet(), trained_on(tag)) == ""


@pytest.mark.parametrize("tag", ["", "fb", "pt", "robbyant"])
def test_what_nobody_says_is_unknown_not_unseen(tag: str) -> None:
    for dataset in (TinyImageNet(), PACS()):
        assert overlap(dataset, trained_on(tag)).startswith("unknown")


@pytest.mark.parametrize("text", ["", " ", "unknown", "Unknown"])
def test_files_without_the_fact_are_unknown(text: str) -> None:
    assert overlap(PACS(), text).lower() == "unknown"


@pytest.mark.parametrize(
    "name", ["vit_small_patch16_224.dino", "convnextv2_atto.fcmae", "vit_small_patch14_dinov2.lvd142m"]
)
def test_hub_weights_tell_their_data(name: str) -> None:
    assert "ImageNet" in from_hub(name, {}).trained_on
