"""Mixing pairs of training samples on the device: mixup and cutmix.

mixup (Zhang et al., ICLR 2018) adds two inputs in shares t and 1 - t, t from Beta(alpha, alpha); cutmix (Yun et al.,
ICCV 2019) pastes a box of the other one, whose part of the input is 1 - t before it is cut at the edges. Targets become
shares of both. One t serves a whole batch; with both, one of them is drawn for each batch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.cells.recipes import Recipe


def mixed(inputs: Tensor, targets: Tensor, recipe: Recipe, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A batch mixed with itself in another order.

    Args:
        inputs: (B, C, *extent).
        targets: Soft targets (B, outputs).
        recipe: Its ``mixup`` and ``cutmix``, of which at least one is above 0.
        chance: The batch's own.
    """
    cuts = recipe.cutmix > 0 and (recipe.mixup == 0 or chance.random() < 0.5)
    alpha = recipe.cutmix if cuts else recipe.mixup
    share, order = chance.beta(alpha, alpha), chance.permutation(len(inputs))
    other = torch.from_numpy(order).to(inputs.device)
    if cuts:
        inputs, share = _pasted(inputs, inputs[other], share, chance)
    else:
        inputs = inputs * share + inputs[other] * (1 - share)
    return inputs, targets * share + targets[other] * (1 - share)


def _pasted(inputs: Tensor, others: Tensor, share: float, chance: np.random.Generator) -> tuple[Tensor, float]:
    """Inputs with a box of others at one random place, and the share of the input that is left."""
    extent = inputs.shape[2:]
    side = (1 - share) ** (1 / len(extent))
    box = []
    for length in extent:
        centre, half = chance.integers(length), int(length * side) / 2
        box.append(slice(max(int(centre - half), 0), min(int(centre + half), length)))
    place = (slice(None), slice(None), *box)
    pasted = inputs.clone()
    pasted[place] = others[place]
    cut = np.prod([(one.stop - one.start) / length for one, length in zip(box, extent, strict=True)])
    return pasted, 1 - float(cut)
