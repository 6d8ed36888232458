"""A cell: one point of the grid, and its canonical name.

``pacs[protocol=paper]/vit_base_patch16_224[size=112]/cladapter[k=10]/paper[epochs=5]/seed=0``

The name states every field that differs from its default, parses back, filters tables, and is the
address of the cell's record.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bench.cells.notation import Scanner, Spec
from bench.core.errors import UsageError


@dataclass(frozen=True)
class Cell:
    """Dataset[protocol] x backbone x method x recipe x seed.

    Args:
        seed: Seeds the initialisation and dropout of what is trained.
        data_seed: Seeds subsets, order and augmentation; equal to ``seed`` unless named.
    """

    dataset: Spec
    backbone: Spec
    method: Spec
    recipe: Spec
    seed: int = 0
    data_seed: int | None = None

    def __post_init__(self) -> None:
        if self.data_seed == self.seed:
            object.__setattr__(self, "data_seed", None)

    @property
    def data_seed_value(self) -> int:
        """The data seed in force."""
        return self.seed if self.data_seed is None else self.data_seed

    def __str__(self) -> str:
        return "/".join(self.parts())

    def parts(self) -> list[str]:
        """The five parts of the canonical name."""
        seed = f"seed={self.seed}"
        if self.data_seed is not None:
            seed += f",data_seed={self.data_seed}"
        return [str(self.dataset), str(self.backbone), str(self.method), str(self.recipe), seed]

    @classmethod
    def parse(cls, text: str) -> Cell:
        """Read a canonical name.

        Raises:
            UsageError: The text is not ``dataset/backbone/method/recipe/seed=N``.
        """
        scanner = Scanner(text)
        specs = [_leading_spec(scanner) for _ in range(4)]
        seeds = dict([scanner.pair()])
        while scanner.peek() == ",":
            scanner.take(",")
            seeds.update([scanner.pair()])
        scanner.end()
        dataset, backbone, method, recipe = specs
        seed, data_seed = _seeds(text, seeds)
        return cls(dataset, backbone, method, recipe, seed, data_seed)


@lru_cache(maxsize=1 << 16)
def parsed(name: str) -> Cell:
    """`Cell.parse`, remembered: reading many records asks for each name several times."""
    return Cell.parse(name)


def _leading_spec(scanner: Scanner) -> Spec:
    spec = scanner.spec()
    scanner.take("/")
    return spec


def _seeds(text: str, seeds: dict[str, Any]) -> tuple[int, int | None]:
    if "seed" not in seeds or set(seeds) - {"seed", "data_seed"}:
        raise UsageError(f"Cannot read {text!r}: a cell ends in seed=N or seed=N,data_seed=M.")
    for key, value in seeds.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise UsageError(f"{key} must be a whole number from 0 up, not {value!r}.")
    return seeds["seed"], seeds.get("data_seed")
