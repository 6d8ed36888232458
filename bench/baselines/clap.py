"""CLAP: a text-initialised linear probe held near the text, class by class."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.baselines.text_probe import PrototypeHead, TextProbe
from bench.methods import Batch, FeatureSplit, HeadSpec
from bench.methods.model import Model
from bench.methods.text import class_means, raw_text_of, support_of, unit


class CLAP(TextProbe):
    """CLAP: cross-entropy + mean over c of ``lambda_c |w_c - t_c|^2`` (Silva-Rodriguez et al., CVPR 2024, eq. 9).

    ``lambda_c`` is the mean zero-shot probability of class c over its own training samples, as the released code
    computes it: classes that text already knows stay near it. Classes without a training sample have lambda 0.
    The released code trains by SGD at 0.1 without weight decay, 300 epochs of batch 256, 20 augmented views as samples.
    """

    title = "CLAP"

    def head(self, spec: HeadSpec) -> ClapHead:
        name = self.plugin_name()
        text = raw_text_of(spec, name)
        return ClapHead(text, self.scale, multipliers(support_of(spec, name), text, self.scale))

    def extra_loss(self, model: Model, batch: Batch) -> Tensor:
        assert isinstance(model.head, ClapHead)
        return model.head.penalty()


class ClapHead(PrototypeHead):
    """Prototypes with their pull towards the text."""

    multipliers: Tensor

    def __init__(self, text: Tensor, scale: float, multipliers: Tensor) -> None:
        super().__init__(text, scale)
        self.register_buffer("multipliers", multipliers.to(text), persistent=False)

    def penalty(self) -> Tensor:
        """Mean over classes of the weighted squared distances to the text features."""
        return (self.multipliers * (self.prototypes - self.text).square().sum(1)).mean()


def multipliers(train: FeatureSplit, text: Tensor, scale: float) -> Tensor:
    """Mean zero-shot probability of the true class over each class's training samples, (C,)."""
    labels = torch.from_numpy(train.y).long()
    probabilities = (scale * unit(torch.from_numpy(train.x)) @ unit(text.cpu()).T).softmax(1)
    own = probabilities.gather(1, labels.unsqueeze(1))
    return class_means(own, labels, len(text)).squeeze(1)
