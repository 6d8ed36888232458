"""What changes training samples. An augmentation is a plug-in: one file with one public subclass of `Augmentation`,
whose fields are its parameters (``augment="randaugment[n=2]"`` of a recipe).

Its chance comes from outside as numbers in [0, 1), one row a sample, made of the data seed, the stage, the epoch and
the sample's id; so a sample is the same in whatever batch it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.cells.notation import Spec
from bench.cells.params import Params
from bench.cells.recipes import Recipe
from bench.core.errors import UsageError
from bench.plugins import registry
from bench.plugins.fingerprint import code_identity

if TYPE_CHECKING:
    from torch import Tensor


class Augmentation(Params):
    """Base of all augmentations; what a class leaves out leaves samples as they are.

    The order is `samples`, enlarging to the backbone's input, `flips`, `touched`, `affine`.
    """

    title: ClassVar[str] = ""
    version: ClassVar[int] = 1  # raise it when the same chance gives other samples
    numbers: ClassVar[int] = 1  # of chance that a sample needs
    moves_targets: ClassVar[bool] = False  # label maps and boxes: where nothing but `flips` and `affine` moves samples
    near_black: ClassVar[bool] = False  # whether it has the defect that a recipe's near_black repeats

    def check(self, input_shape: tuple[int, ...], forbidden_flips: Sequence[str]) -> None:
        """Check that it fits the backbone's input and the axes along which nothing is mirrored.

        Raises:
            UsageError: It does not; the message says what does.
        """

    def samples(
        self, raw: np.ndarray, chance: np.ndarray, extent: tuple[int, ...], flips: frozenset[str]
    ) -> np.ndarray:
        """Samples as cached, uint8 (B, [D,] H, W[, C]), changed on the host.

        Args:
            chance: (B, numbers) in [0, 1).
            extent: What they are enlarged to afterwards, ([D,] H, W).
            flips: Axes that may be mirrored: "horizontal", "vertical", "depth".
        """
        return raw

    def flips(self, chance: np.ndarray) -> dict[str, np.ndarray]:
        """Axis -> which samples (B,) bool are mirrored along it, unless the data forbid it."""
        return {}

    def touched(self, batch: Tensor, chance: np.ndarray, near_black: bool) -> Tensor:
        """Intensities of (B, C, *extent) in 0..1, on the device, changed in place."""
        return batch

    def affine(self, chance: np.ndarray, extent: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray] | None:
        """Which samples (B,) bool are turned, scaled and shifted, and the `matrices` of these; or None."""
        return None

    def libraries(self) -> dict[str, str]:
        """Versions that a sample's bits depend on beside torch's."""
        return {}


def augmentation_of(recipe: Recipe) -> Augmentation | None:
    """The augmentation that a recipe names.

    Raises:
        UsageError: There is none of this name, or a parameter is wrong.
    """
    if recipe.augment is None:
        return None
    spec = Spec.parse(recipe.augment)
    found: Augmentation = registry.load("augmentations", spec.name).build(spec.name, spec.params)
    if recipe.near_black and not found.near_black:
        raise UsageError(f"{spec.name} has no defect that near_black could repeat. Leave near_black out.")
    return found


def canonical(recipe: Recipe) -> Recipe:
    """The recipe with its augmentation's name as short as it can be.

    Raises:
        UsageError: As `augmentation_of`.
    """
    found = augmentation_of(recipe)
    if found is None or recipe.augment is None:
        return recipe
    return recipe.model_copy(update={"augment": str(Spec(Spec.parse(recipe.augment).name, found.changed()))})


def identity_of(recipe: Recipe) -> str:
    """What decides an augmented sample beside its name, chance and libraries; empty for version 1 of a built-in one."""
    found = augmentation_of(recipe)
    identity = "1" if found is None else code_identity(type(found))
    return "" if identity == "1" else identity


def check_augment(recipe: Recipe, input_shape: tuple[int, ...], forbidden_flips: Sequence[str], target: str) -> None:
    """Check that a recipe's augmentation fits what it is for.

    Args:
        input_shape: The backbone's.
        forbidden_flips: The data set's.
        target: Where the task's targets lie; see `bench.tasks.base.Task`.

    Raises:
        UsageError: It does not; the message says what does.
    """
    found = augmentation_of(recipe)
    if found is None:
        return
    found.check(input_shape, forbidden_flips)
    if target != "table" and not found.moves_targets:
        raise UsageError(
            f"augment={recipe.augment} moves inputs but not the targets that lie on them. "
            "Use one that moves both: `bench list augmentations` names them."
        )
