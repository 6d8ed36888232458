"""Features of a split before and after a method: what pictures of them (CLAdapter's Figure 5) are drawn from, and by
which the training samples nearest to an error are found."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from bench.backbones.features import Features
from bench.training.context import Context
from bench.training.learner import Learner
from bench.training.loop import inputs_of_split

BACKBONE = "backbone"  # pooled features (n, d) of the pre-trained backbone
HEAD = "head"  # what the last linear layer of the head reads, (n, d')


def featured(predicted: Collection[str]) -> tuple[str, ...]:
    """The splits whose features are kept: training samples, and what is tested once it was opened."""
    return ("train", *(split for split in predicted if split != "val"))


@torch.no_grad()
def exported(context: Context, learner: Learner, split: str) -> dict[str, np.ndarray]:
    """Features of all samples of a split, float16, in table order.

    Where a head has no linear layer, or its last one does not read one vector a sample, these are the pooled features
    that the head was given.

    Returns:
        ``backbone`` (n, d) and ``head`` (n, d').
    """
    learner.eval_mode()
    before = (features_of(inputs).pooled for inputs in inputs_of_split(context, split, True, False))
    tokens = learner.job.method.needs_tokens
    given = inputs_of_split(context, split, learner.job.shares_backbone, tokens)
    after = (_read_by_last(learner, i if isinstance(i, Features) else learner.features(i)) for i in given)
    return {BACKBONE: _joined(before), HEAD: _joined(after)}


def features_of(inputs: Features | Tensor) -> Features:
    """Features of a split that shares the backbone.

    Raises:
        TypeError: They are raw inputs.
    """
    if not isinstance(inputs, Features):
        raise TypeError("a split on the shared backbone must come as features")
    return inputs


def _read_by_last(learner: Learner, features: Features) -> Tensor:
    """What the last linear layer reads of a batch, (B, d')."""
    layers = [module for module in learner.model.head.modules() if isinstance(module, nn.Linear)]
    read: list[Tensor] = []
    if layers:
        with layers[-1].register_forward_pre_hook(lambda layer, inputs: read.append(inputs[0])):
            learner.forward(features)
    fits = len(read) == 1 and read[0].dim() == 2 and len(read[0]) == len(features.pooled)
    return read[0] if fits else features.pooled


def _joined(batches: Iterable[Tensor]) -> np.ndarray:
    return torch.cat([batch.float().cpu() for batch in batches]).numpy().astype(np.float16)
