"""Data sets with a folder a domain and a folder a class in each, as DomainBed lays them out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pandas as pd

from bench.core.errors import DataError
from bench.data.base import Counts, Dataset
from bench.data.formats.folders import file_table, images_in, printable, subfolders
from bench.data.tables.splits import DomainHoldout, Split

_TRAINING = "DomainBed tests on four fifths of the test domain, here all of it"
_ORACLE = "selection sees a fifth of the test domain"


def word(domain: str) -> str:
    """A domain's folder as it stands in the names of protocols: ``Real World`` is ``real_world``."""
    return domain.lower().replace(" ", "_")


def protocols_of(domains: tuple[str, ...]) -> dict[str, Split]:
    """Leave one domain out, with either of DomainBed's two selections.

    ``leave_D`` selects on a fifth of each training domain, ``oracle_D`` on a fifth of the test domain.
    """
    leave = {f"leave_{word(name)}": DomainHoldout(test=name, note=_TRAINING) for name in domains}
    oracle = {f"oracle_{word(name)}": DomainHoldout(test=name, oracle=True, note=_ORACLE) for name in domains}
    return {**leave, **oracle}


def counts_of(sizes: Mapping[str, int]) -> dict[str, Counts]:
    """Expected counts of every protocol of `protocols_of`, from the images of each domain."""
    expected: dict[str, Counts] = {}
    for domain, size in sizes.items():
        others = [other for name, other in sizes.items() if name != domain]
        train, held_out = sum(one - one // 5 for one in others), sum(one // 5 for one in others)
        expected[f"leave_{word(domain)}"] = {"train": train, "val": held_out, "test": size}
        expected[f"oracle_{word(domain)}"] = {"train": train, "val": size // 5, "test": size - size // 5}
    return expected


class DomainFolders(Dataset):
    """Base of sets laid out as ``domain/class/image.jpg``; classes are the sorted names of the class folders.

    A subclass states ``domains`` and, where it is known, how many classes there are.
    """

    domains: ClassVar[tuple[str, ...]] = ()
    class_total: ClassVar[int | None] = None
    averages = "leave_* oracle_*"
    words = {"protocol=leave_*": "tested on {}", "protocol=oracle_*": "tested on {}, selected on a fifth of it"}

    def class_names(self, root: Path) -> tuple[str, ...]:
        return tuple(printable(name) for name in self._class_folders(root))

    def samples(self, root: Path) -> pd.DataFrame:
        place, folders = self.location(root), self._class_folders(root)
        return file_table(
            {"path": f"{domain}/{name}/{file}", "label": label, "domain": domain}
            for domain in self.domains
            for label, name in enumerate(folders)
            for file in images_in(place / domain / name)
        )

    def _class_folders(self, root: Path) -> list[str]:
        """Names of the class folders, the same in every domain.

        Raises:
            DataError: A domain lacks one, or there are not so many as published.
        """
        place = self.require(root)
        inside = {domain: subfolders(place / domain) for domain in self.domains}
        first = inside[self.domains[0]]
        for domain, names in inside.items():
            if odd := sorted(set(names) ^ set(first)):
                raise DataError(f"{place / domain} and {place / self.domains[0]} differ in the class {odd[0]!r}.")
        if self.class_total not in (None, len(first)):
            raise DataError(f"{place} holds {len(first)} class folders a domain; {self.class_total} are published.")
        return first
