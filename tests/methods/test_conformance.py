"""All built-in methods pass the shipped checks, and each check catches what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import Field, field_validator
from sparing import slow_but
from torch import Tensor, nn

from bench.backbones import Features
from bench.backbones.base import Backbone
from bench.conformance import methods as conformance
from bench.conformance.base import examine
from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec, Method, PooledLinear, Selected, Stage, Step
from bench.methods.linear import AdaptedLinear, adapt_layers
from bench.methods.parts import vit_blocks
from bench.plugins import registry

TEMPLATE = Path(conformance.__file__).parent.parent / "cli" / "templates" / "baseline.py.txt"


def cases() -> Iterator[tuple[str, str]]:
    for name in registry.catalog("baselines"):
        for check in conformance.checks_for(registry.load("baselines", name)):
            yield name, check.__name__


@pytest.mark.parametrize(
    ("name", "check"), slow_but(cases(), "knn", "linear_probe", "lora", "cladapter", "clap", "majority_pixel")
)
def test_built_in_method(name: str, check: str) -> None:
    [verdict] = examine(registry.load("baselines", name), [getattr(conformance, check)])
    assert verdict.problem is None
    assert verdict.skipped is None
    assert verdict.about


def test_the_template_passes(plugin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEMPLATE.read_text().replace("NAME", "my_probe").replace("CLASS", "MyProbe")
    (plugin_folder / "my_probe.py").write_text(text)
    monkeypatch.setenv("BENCH_PLUGINS", str(plugin_folder))
    cls = registry.load("baselines", "my_probe")
    assert [(v.check, v.problem) for v in examine(cls, conformance.checks_for(cls)) if v.problem] == []


class Good(Method):
    """A linear probe; the broken ones below differ in one thing each."""


class Undescribed(Good):
    """A field without a description."""

    rate: float = 0.1


class Required(Good):
    """A field without a default."""

    rate: float = Field(description="must be given")


class NoFamily(Good):
    """Fits no backbone."""

    families = ()


class Misread(Good):
    """Changes a value that it is given."""

    rate: float = Field(0.5, description="halved whenever the method is built")

    @field_validator("rate")
    @classmethod
    def _halve(cls, value: float) -> float:
        return value / 2


class TwiceNamed(Good):
    """Two stages with one name."""

    def stages(self) -> list[Stage]:
        return [Stage("stage1"), Stage("stage1", trains="all")]


class UnknownStageField(Good):
    """Names a field that is not there."""

    stage_only = frozenset({"tuning"})


class Unused(Good):
    """Injects a parameter that the forward pass ignores."""

    families = ("vit",)

    def inject(self, backbone: Backbone) -> None:
        backbone.register_parameter("idle", nn.Parameter(torch.zeros(3)))


class WrongWidth(Good):
    """Gives one logit too many."""

    def head(self, spec: HeadSpec) -> nn.Module:
        return PooledLinear(spec.features.pooled_dim, spec.outputs + 1)


class Mixing(Good):
    """Normalises over the batch in evaluation mode."""

    def head(self, spec: HeadSpec) -> nn.Module:
        return _Mixing(spec.features.pooled_dim, spec.outputs)


class _Mixing(PooledLinear):
    def forward(self, features: Features) -> Tensor:
        return self.fc(features.pooled - features.pooled.mean(0))


class InPlace(Good):
    """Changes the features that it is given."""

    def head(self, spec: HeadSpec) -> nn.Module:
        return _InPlace(spec.features.pooled_dim, spec.outputs)


class _InPlace(PooledLinear):
    def forward(self, features: Features) -> Tensor:
        return self.fc(features.pooled.mul_(2))


class ReadsTokens(Good):
    """Says it needs no tokens, and reads them."""

    needs_tokens = False

    def head(self, spec: HeadSpec) -> nn.Module:
        return _ReadsTokens(spec.features.token_dim, spec.outputs)


class _ReadsTokens(PooledLinear):
    def forward(self, features: Features) -> Tensor:
        return self.fc(features.tokens.mean(1))


class Thaws(Good):
    """Changes a frozen parameter behind the optimiser's back."""

    families = ("vit",)

    def inject(self, backbone: Backbone) -> None:
        def nudge(module: nn.Module, inputs: object) -> None:
            if torch.is_grad_enabled():
                next(backbone.parameters()).data.add_(1)

        backbone.register_forward_pre_hook(nudge)


class Drifts(Good):
    """Lets running statistics of a frozen backbone follow the batches."""

    families = ("cnn",)

    def inject(self, backbone: Backbone) -> None:
        def in_train_mode(module: nn.Module, inputs: object) -> None:
            for part in module.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.training = torch.is_grad_enabled()

        backbone.register_forward_pre_hook(in_train_mode)


class Idle(Good):
    """A head with a layer that it does not use."""

    def head(self, spec: HeadSpec) -> nn.Module:
        head = PooledLinear(spec.features.pooled_dim, spec.outputs)
        head.spare = nn.Linear(2, 2)
        return head


class BothZero(Good):
    """A low-rank path whose factors both start at zero: neither can move."""

    families = ("vit",)
    identity_at_start = True

    def inject(self, backbone: Backbone) -> None:
        for block in vit_blocks(backbone, "both_zero"):
            down, up = nn.Linear(64, 4), nn.Linear(4, 64)
            for layer in (down, up):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)
            block.mlp = WithPath(block.mlp, nn.Sequential(down, nn.ReLU(), up))  # type: ignore[arg-type]


class WithPath(nn.Module):
    """A layer and a path beside it."""

    def __init__(self, layer: nn.Module, path: nn.Module) -> None:
        super().__init__()
        self.layer, self.path = layer, path

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.path(x)


class NotIdentity(Good):
    """Says that it starts at the pre-trained network, and draws both factors."""

    families = ("vit",)
    identity_at_start = True

    def inject(self, backbone: Backbone) -> None:
        for block in vit_blocks(backbone, "not_identity"):
            block.mlp = WithPath(block.mlp, nn.Linear(64, 64))  # type: ignore[arg-type]


class MergesWrongly(Good):
    """Puts something before a layer that is not affine."""

    families = ("vit",)

    def inject(self, backbone: Backbone) -> None:
        adapt_layers(backbone, "merges_wrongly", ["mlp.fc1"], lambda name, layer: AdaptedLinear(layer, Curved(64, 64)))


class Curved(nn.Linear):
    """A layer with an activation."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


class OwnChance(Good):
    """Draws its initial weights from a generator that nobody seeds."""

    def head(self, spec: HeadSpec) -> nn.Module:
        head = PooledLinear(spec.features.pooled_dim, spec.outputs)
        head.fc.weight.data = torch.from_numpy(np.random.default_rng().normal(size=head.fc.weight.shape)).float()
        return head


class Forgets(Good):
    """Counts its steps where no checkpoint sees them, and lets the count change the loss."""

    def training_step(self, step: Step) -> Tensor:
        counts = COUNTED.setdefault(id(step.memory), [])
        counts.append(1)
        return step.loss() * len(counts)


COUNTED: dict[int, list[int]] = {}


class Shares(Good):
    """Keeps an average that all learners of the process have together."""

    def after_step(self, step: Step) -> None:
        weight = step.trained["head.fc.weight"].detach()
        common = AVERAGES.setdefault("weight", torch.zeros_like(weight)).lerp_(weight, 0.5)
        step.memory.evaluated["head.fc.weight"] = common.clone()


AVERAGES: dict[str, Tensor] = {}


class Overreaches(Good):
    """Changes the frozen backbone at the end."""

    def finish(self, selected: Selected) -> dict[str, object]:
        with torch.no_grad():
            next(selected.model.backbone.parameters()).add_(1)
        return {}


class Wanders(Good):
    """Draws what it makes of the selected state."""

    def finish(self, selected: Selected) -> dict[str, object]:
        selected.load({name: torch.randn_like(value) for name, value in selected.state.items()})
        return {}


class FittedWrongly(FeatureMethod):
    """Forgets a class that training lacks, and changes the features."""

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        train.x[:] += 1
        return Fitted(predict=lambda x: np.zeros((len(x), len(np.unique(train.y)))))


@pytest.mark.parametrize(
    ("cls", "check", "words"),
    [
        (Undescribed, "card", "rate needs a description"),
        (Required, "card", "rate needs a default"),
        (NoFamily, "card", "families"),
        (Misread, "name", "does not parse back"),
        (TwiceNamed, "stages", "different names"),
        (UnknownStageField, "stages", "tuning"),
        (Unused, "injection", "idle"),
        (WrongWidth, "shapes", r"\(6, 6\)"),
        (Mixing, "shapes", "other images"),
        (InPlace, "features_untouched", "in place"),
        (ReadsTokens, "needs_tokens", "reads tokens"),
        (Thaws, "frozen", "does not train"),
        (Drifts, "frozen", r"running_(mean|var)|num_batches"),
        (Idle, "frozen", "head.spare.bias"),
        (BothZero, "trains", r"path\.0\.weight"),
        (NotIdentity, "identity", "tokens differ"),
        (MergesWrongly, "merging", "tokens differ"),
        (OwnChance, "same_bits", "head.fc.weight"),
        (Forgets, "resumes", "step.memory"),
        (Shares, "fused", "beside another learner"),
        (Overreaches, "finish", "backbone.model"),
        (Wanders, "finish", "two calls"),
        (FittedWrongly, "fit", "without a class"),
        (FittedWrongly, "fit_same_bits", "changes the features"),
    ],
)
def test_a_broken_method_is_caught(cls: type, check: str, words: str) -> None:
    [verdict] = examine(cls, [getattr(conformance, f"check_{check}")])
    assert verdict.problem is not None
    assert re.search(words, verdict.problem), verdict.problem


def test_a_method_that_fails_in_training_is_caught(plugin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`bench run` finds a method by its file."""
    text = TEMPLATE.read_text().replace("NAME", "failing").replace("CLASS", "Failing")
    body = "    def extra_loss(self, model, batch):\n        raise ArithmeticError('as planned')\n"
    (plugin_folder / "failing.py").write_text(text.rstrip() + "\n\n" + body)
    monkeypatch.setenv("BENCH_PLUGINS", str(plugin_folder))
    [verdict] = examine(registry.load("baselines", "failing"), [conformance.check_end_to_end])
    assert "as planned" in (verdict.problem or "")


def test_examine_goes_on_after_an_exception() -> None:
    def check_breaks(subject: object) -> None:
        raise KeyError("lost")

    def check_holds(subject: object) -> None:
        """Holds."""

    first, second = examine(Good, [check_breaks, check_holds])
    assert first.problem is not None
    assert "KeyError: 'lost' (test_conformance.py:" in first.problem
    assert (second.check, second.about, second.problem) == ("holds", "Holds.", None)
