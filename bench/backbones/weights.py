"""Where weights come from: the embedded files, a weights folder, or timm's hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.backbones.facts import from_file
from bench.backbones.family import WeightsInfo, resolve_backbone
from bench.backbones.local import local_weights
from bench.cells.notation import Spec
from bench.core.errors import UsageError

if TYPE_CHECKING:
    from bench.backbones.base import Backbone


def find(name: str, folder: Path | None) -> WeightsInfo:
    """Return the facts of a backbone's weights; a local file wins over the hub, and nothing is downloaded.

    Raises:
        UsageError: No local file and no timm model has this name, it leaves open which of the two is meant, or the
            file's metadata are wrong.
    """
    local = local_weights(folder)
    if name in local:
        return from_file(local[name])
    if meant := sorted(other for other in local if other.startswith(f"{name}.")):
        raise UsageError(
            f"No weights {name!r} lie here. Did you mean {' or '.join(map(repr, meant))}? "
            f"For those of timm's hub, name their tag, as in {name}.TAG."
        )
    from bench.backbones.hub import from_hub

    return from_hub(name, local)


def ensure_here(name: str, folder: Path | None) -> WeightsInfo:
    """`find`, once the weights lie on this machine: only then does the digest say exactly which they are.

    A first run would otherwise store another digest than the second.

    Raises:
        UsageError: As `find`; or the weights cannot be downloaded, which takes seconds to say where nobody answers.
    """
    info = find(name, folder)
    if info.file is not None:
        return info
    from bench.backbones import hub

    if hub.cached(info.arch) is None:
        hub.download(info.arch, local_weights(folder))
    return find(name, folder)


def load(spec: Spec, folder: Path | None) -> Backbone:
    """Build the backbone that a spec such as ``pico[size=32]`` names, in evaluation mode.

    Raises:
        UsageError: See `bench.backbones.family.BackboneFamily`.
    """
    family = resolve_backbone(spec, folder)
    return family.load(spec.name, family.fetch(spec.name, folder))
