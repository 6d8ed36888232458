"""What methods on image and text features share: unit vectors, and text and supports that are what they must be."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.core.errors import UsageError
from bench.tasks.base import FeatureSplit, HeadSpec

_CLOSE = 2e-3  # float16 rounds the length of a unit vector by less


def unit(x: Tensor) -> Tensor:
    """Rows (..., d) divided by their lengths."""
    return x / x.norm(dim=-1, keepdim=True)


def is_normalised(x: Tensor) -> bool:
    """Whether every row has length 1."""
    return bool(((x.float().norm(dim=-1) - 1).abs() < _CLOSE).all())


def text_of(spec: HeadSpec, method: str) -> Tensor:
    """Text features (outputs, d) in float32, as their source gives them.

    Raises:
        UsageError: There are none, or they do not lie in the space of the pooled features.
    """
    if spec.text is None:
        raise UsageError(
            f"{method} needs text features of the class names. Use a backbone with a text encoder, or cached features "
            "that bring them."
        )
    expected = (spec.outputs, spec.features.pooled_dim)
    if tuple(spec.text.shape) != expected:
        raise UsageError(f"{method}: the text features are {tuple(spec.text.shape)}, not {expected} as the images'.")
    return spec.text.float()


def raw_text_of(spec: HeadSpec, method: str) -> Tensor:
    """Text features that have not been normalised; see `text_of`.

    Raises:
        UsageError: Their rows have length 1: the method adds to them, so their length decides how much that is.
    """
    text = text_of(spec, method)
    if is_normalised(text):
        raise UsageError(f"{method} needs raw text features, and these are normalised. Store what the encoder gives.")
    return text


def support_of(spec: HeadSpec, method: str) -> FeatureSplit:
    """The training split's frozen features.

    Raises:
        UsageError: They are not at hand.
    """
    if spec.support is None:
        raise UsageError(f"{method} starts from the training features, and here are none.")
    return spec.support()


def class_means(x: Tensor, labels: Tensor, outputs: int) -> Tensor:
    """Mean row of each class, (outputs, d); zeros for a class without a row."""
    total = x.new_zeros(outputs, x.shape[1]).index_add_(0, labels, x)
    return total / torch.bincount(labels, minlength=outputs).clamp(min=1).unsqueeze(1)
