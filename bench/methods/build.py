"""Putting a method on a backbone, and what then trains in each stage."""

from __future__ import annotations

from bench.backbones.base import Backbone
from bench.errors import UsageError
from bench.methods.base import Method, Stage
from bench.methods.model import Model


def check_family(backbone: Backbone, method: Method) -> None:
    """Raise UsageError when the method does not apply to this kind of backbone."""
    if backbone.spec.family not in method.families:
        raise UsageError(
            f"{method.plugin_name()} works on {' and '.join(method.families)} backbones; "
            f"{backbone.info.arch} is a {backbone.spec.family}. Choose another backbone or method."
        )


def build_model(backbone: Backbone, method: Method, classes: int) -> Model:
    """Change the backbone as the method asks and add its head; the caller seeds the initialisation.

    Args:
        backbone: Changed in place when the method injects; hand in a copy then.

    Raises:
        UsageError: The method does not apply to this backbone.
    """
    check_family(backbone, method)
    method.inject(backbone)
    return Model(backbone, method.head(backbone.spec, classes))


def trainable_names(model: Model, stage: Stage, pretrained: set[str]) -> list[str]:
    """Names of the parameters that a stage trains.

    Args:
        pretrained: Names that the backbone had before the method touched it; "head" stages train everything else.
    """
    names = [name for name, _ in model.named_parameters()]
    if stage.trains == "all":
        return names
    if stage.trains == "head":
        return [name for name in names if name not in pretrained]
    if isinstance(stage.trains, str):
        raise UsageError(f"Stage {stage.name}: trains must be 'head', 'all' or a rule on names, not {stage.trains!r}.")
    return [name for name in names if stage.trains(name)]
