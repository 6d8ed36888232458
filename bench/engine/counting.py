"""Parameters and multiply-accumulates of methods on backbones: no data, no weights, no training.

Models are built on torch's meta device, which knows shapes only, so a large backbone costs no more than a small one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.backbones.base import Backbone
from bench.core.errors import UsageError
from bench.data.roots import data_root
from bench.engine.cost import head_macs, macs_of_backbone, size
from bench.grid.resolve import Resolved
from bench.methods import Method, plain_head
from bench.methods.build import build_model, check, stand_in, trainable_names
from bench.tasks.base import HeadSpec

HEADINGS = ("backbone", "method", "trained", "added", "beyond a probe", "share", "total", "MACs", "MACs added")


@dataclass(frozen=True)
class Count:
    """One method on one backbone.

    Attributes:
        trainable: Stage -> parameters trained.
        added: Parameters that the method brings, its head included.
        beyond_probe: ``added`` without the task's plain head, the way papers count.
        total: Parameters of backbone and method.
        macs: Multiply-accumulates of the bare backbone for one image.
        macs_added: What the method adds to them.
        problem: Why the method does not apply; the numbers are 0 then.
    """

    backbone: str
    method: str
    classes: int
    trainable: dict[str, int]
    added: int = 0
    beyond_probe: int = 0
    total: int = 0
    macs: int = 0
    macs_added: int = 0
    problem: str = ""


def count(cells: Iterable[Resolved], weights: Path | None, data: Path | None) -> list[Count]:
    """Count each pair of backbone and method once; recipes and seeds make no difference.

    Args:
        weights: Folder whose files' metadata name architectures, beside timm's own names.
        data: Data root, for data sets whose classes depend on their folder.

    Raises:
        UsageError: A name is wrong, a library is not installed, or a method has nothing to count before it is fitted.
    """
    loaded: dict[str, tuple[Backbone, int]] = {}
    counts: dict[tuple[str, str, int], Count] = {}
    cells = list(cells)
    for resolved in cells:
        resolved.check_libraries()
    for resolved in cells:
        cell = resolved.cell
        names = resolved.dataset.class_names(data_root(data))
        name, method = str(resolved.cell.backbone), resolved.method
        if not isinstance(method, Method):
            raise UsageError(f"{cell.method.name} has no parameters before it is fitted. Leave it out of this suite.")
        if name not in loaded:
            info = resolved.backbone.find(cell.backbone.name, weights)
            with torch.device("meta"):
                backbone = resolved.backbone.load(cell.backbone.name, info, pretrained=False)
                if resolved.task.needs_levels:
                    backbone.show_levels()
            loaded[name] = backbone, macs_of_backbone(backbone)
        backbone, bare = loaded[name]
        key = (name, str(resolved.cell.method), len(names))
        if key not in counts:
            spec = resolved.task.head(backbone.spec, len(names), names, resolved.recipe.head)
            counts[key] = _count(name, key[1], backbone, bare, method, spec)
    return list(counts.values())


def _count(arch: str, name: str, backbone: Backbone, bare: int, method: Method, spec: HeadSpec) -> Count:
    try:
        with torch.device("meta"):
            check(backbone, method)
            if method.needs_text:
                spec = stand_in(spec, np.arange(spec.outputs))
            model = build_model(copy.deepcopy(backbone) if method.injects else backbone, method, spec)
            probe = size(plain_head(spec))
        inner = macs_of_backbone(model.backbone) if method.injects else bare
        head = head_macs(model)
    except UsageError as error:
        return Count(arch, name, spec.outputs, {}, problem=str(error))
    sizes = {parameter: value.numel() for parameter, value in model.named_parameters()}
    added = sum(sizes[parameter] for parameter in model.added)
    return Count(
        backbone=arch,
        method=name,
        classes=spec.outputs,
        trainable={s.name: sum(sizes[p] for p in trainable_names(model, s)) for s in method.stages()},
        added=added,
        beyond_probe=added - probe,
        total=size(model),
        macs=bare,
        macs_added=inner + head - bare,
    )


def table(counts: Iterable[Count]) -> list[list[str]]:
    """Rows of text under `HEADINGS`: parameters in millions, multiply-accumulates in billions."""
    return [list(HEADINGS), *(_row(count) for count in counts)]


def _row(count: Count) -> list[str]:
    if count.problem:
        return [count.backbone, count.method, *[""] * (len(HEADINGS) - 3), count.problem]
    share = count.beyond_probe / (count.total - count.added + count.beyond_probe)
    return [
        count.backbone,
        count.method,
        " + ".join(_millions(trained) for trained in count.trainable.values()),
        _millions(count.added),
        _millions(count.beyond_probe),
        f"{100 * share:.1f} %",
        _millions(count.total),
        f"{count.macs / 1e9:.2f} G",
        f"{count.macs_added / 1e9:.3f} G",
    ]


def _millions(number: int) -> str:
    return f"{number / 1e6:.3f} M"
