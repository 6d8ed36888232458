"""What timm's tags say of the data behind hub weights."""

from __future__ import annotations

# Tags that name a method or a merged set: what the papers say is in the data.
_MEANINGS = {
    "mae": "ImageNet-1k",
    "dino": "ImageNet-1k",
    "fcmae": "ImageNet-1k",
    "lvd142m": "LVD-142M, which holds ImageNet-22k",
    "lvd1689m": "LVD-1689M together with ImageNet-1k",
    "m30m": "Merged-30M, which holds ImageNet-21k",
    "m38m": "Merged-38M, which holds ImageNet-21k",
    "merged2b": "Merged-2B, from weights trained on ImageNet-21k",
    "inw21k": "ImageNet-21k",
    "bamboo": "Bamboo, which holds ImageNet-22k",
    "sa1b": "SA-1B, from weights trained on ImageNet-1k",
}
# Parts of tags that name the data themselves.
_NAMED = (
    "in1k", "in12k", "in21k", "in22k", "laion", "openai", "webli", "datacomp", "dfn", "yfcc", "cc12m", "metaclip",
    "ig1b", "seer", "swag", "jft", "sat493m",
)  # fmt: skip


def trained_on(tag: str) -> str:
    """The data a tag stands for, as text for `WeightsInfo.trained_on`; begins with "unknown" where it does not say."""
    meanings = [_MEANINGS[part] for part in tag.split("_") if part in _MEANINGS]
    if meanings:
        return f"{tag} ({'; '.join(meanings)})"
    if any(word in tag for word in _NAMED):
        return tag
    return f"unknown (timm's tag {tag!r} does not say)" if tag else "unknown"
