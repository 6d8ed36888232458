"""Families of backbones: who knows a name, and builds what it names. Imports neither torch nor timm.

A family is a plug-in: one file with one public subclass of `BackboneFamily`, whose fields are what a cell may say of
its backbones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt

from bench.cells.notation import Spec
from bench.cells.params import Params
from bench.core.errors import UsageError, nearest
from bench.plugins import registry
from bench.plugins.contract import must_define

if TYPE_CHECKING:
    from bench.backbones.base import Backbone

SIDE_LIMIT = 4096  # pixels; a batch of larger inputs fits no memory


@dataclass(frozen=True)
class WeightsInfo:
    """What is known of a set of pre-trained weights.

    Attributes:
        arch: The architecture's name in its library.
        size: Side in pixels of the input they were trained at.
        mean, std: Normalisation, per channel, for inputs in 0..1.
        interpolation: "bilinear" or "bicubic".
        model_args: Passed to the architecture's constructor.
        trained_on: Data they have seen, compared with a data set's `overlaps`; begins with "unknown" if nobody says.
        batch_norm: "frozen" when the statistics are folded and must never be updated.
        file: Where they lie, or None for the library's hub.
        digest: sha256 of the file's bytes, or the hub's name of them with its revision.
        note: Anything a reader of a table should know.
    """

    arch: str
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    model_args: dict[str, Any] = field(default_factory=dict)
    trained_on: str = "unknown"
    batch_norm: Literal["train", "frozen"] = "train"
    file: str | None = None
    digest: str = ""
    note: str = ""


class BackboneFamily(Params):
    """Base of all families.

    Attributes:
        version: Raised when the same weights give other features.
        fallback: Asked only when no other family knows a name.
        libraries: Import names of what it needs beyond what every installation has.
    """

    title: ClassVar[str] = ""
    words: ClassVar[dict[str, str]] = {"size": "{} px"}  # and titles of backbones: "name=lite0"
    version: ClassVar[int] = 1
    fallback: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ()

    size: PositiveInt | None = Field(
        None, le=SIDE_LIMIT, description="side of the input in pixels; none: that of the weights"
    )

    @classmethod
    def plugin_name(cls) -> str:
        """The stem of the file that the class is written in."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def names(cls, folder: Path | None) -> dict[str, str]:
        """Name -> one line, for listing; light, so it may leave out what only a library knows.

        Args:
            folder: The weights folder, if there is one.
        """
        return {}

    @classmethod
    def knows(cls, name: str, folder: Path | None) -> bool:
        """Whether this family has the backbone; light, since it is asked before anything is imported."""
        return name in cls.names(folder)

    @must_define
    def find(self, name: str, folder: Path | None) -> WeightsInfo:
        """The facts of a backbone's weights; downloads nothing.

        Raises:
            UsageError: There is no such backbone, or its facts are incomplete.
        """
        raise NotImplementedError

    def fetch(self, name: str, folder: Path | None) -> WeightsInfo:
        """`find`, after the weights were brought here if they lay elsewhere; asked before anything is fingerprinted.

        Raises:
            UsageError: As `find`, or the weights cannot be had.
        """
        return self.find(name, folder)

    def plain(self, name: str, folder: Path | None) -> Self:
        """The same, without fields that only repeat what the weights say: one model has one name.

        Of weights that are not known here nothing is left out; planning, which needs them, says what is wrong.
        """
        if self.size is None or type(self).model_fields["size"].default is not None:
            return self
        try:
            own = self.find(name, folder).size
        except UsageError:
            return self
        return self.model_copy(update={"size": None}) if own == self.size else self

    def input_shape(self, info: WeightsInfo) -> tuple[int, ...]:
        """Shape (3, H, W) or (3, D, H, W) of one input."""
        side = self.size or info.size
        return (3, side, side)

    @must_define
    def load(self, name: str, info: WeightsInfo, pretrained: bool = True) -> Backbone:
        """The backbone, on the CPU, in evaluation mode.

        Args:
            pretrained: False leaves the weights random, for counting parameters.

        Raises:
            UsageError: The weights are of another architecture, or the fields do not fit it.
        """
        raise NotImplementedError


def families() -> dict[str, type[BackboneFamily]]:
    """All families by name.

    Raises:
        UsageError: The file of one cannot be used.
    """
    return {name: registry.load("backbones", name) for name in registry.catalog("backbones")}


def family_of(name: str, folder: Path | None) -> type[BackboneFamily]:
    """The family that knows a backbone's name.

    Raises:
        UsageError: Several families know it, or none does.
    """
    every = families()
    knowing = {key: cls for key, cls in every.items() if not cls.fallback and cls.knows(name, folder)}
    if len(knowing) > 1:
        raise UsageError(f"Several backbone families know {name!r}: {', '.join(sorted(knowing))}. Rename one of them.")
    if knowing:
        return next(iter(knowing.values()))
    last = [cls for cls in every.values() if cls.fallback]
    if not last:
        known = [known for cls in every.values() for known in cls.names(folder)]
        raise UsageError(f"No backbone {name!r}. {nearest(name, known)}")
    return last[0]


def resolve_backbone(spec: Spec, folder: Path | None) -> BackboneFamily:
    """The family with the fields that a spec such as ``pico[size=32]`` gives.

    Raises:
        UsageError: No family knows the name, or a field is wrong.
    """
    return family_of(spec.name, folder).build(spec.name, spec.params)


__all__ = ["BackboneFamily", "WeightsInfo", "families", "family_of", "resolve_backbone"]
