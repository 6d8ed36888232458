"""What the adapters for a user's own images share."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import pandas as pd
from pydantic import Field, model_validator

from bench.core.errors import DataError, MissingData, nearest
from bench.data.audit.leaks import DUPLICATE
from bench.data.base import Dataset
from bench.data.formats.annotated import split_name as split_name  # its users read it from here
from bench.data.formats.folders import file_table
from bench.data.tables.splits import EXTERNAL, CrossValidation, Folds, LeaveDomainOut, Split

HOLDOUT = Folds(folds=5, train=(0, 1, 2), val=(3,), test=(4,))
RESAMPLED = replace(HOLDOUT, drawn=True)
KFOLD = CrossValidation()
BY_CHANCE: dict[str, Split] = {"holdout": HOLDOUT, "resampled": RESAMPLED, "kfold": KFOLD}
BY_GROUP: dict[str, Split] = {
    "grouped": replace(HOLDOUT, group="group"),
    "grouped_resampled": replace(RESAMPLED, group="group"),
    "grouped_kfold": replace(KFOLD, group="group"),
}


class OwnImages(Dataset):
    """Base of adapters for images that come with no published protocol.

    Names of protocols carry meaning here: ``split`` and ``split_without_val`` take the splits as given,
    ``leave_domain_out`` tests on ``test_domain``; `HOLDOUT` is a stratified 60 / 20 / 20 %, `RESAMPLED`
    another one for each data seed, `KFOLD` cross-validation with a fold for each data seed.
    """

    reads: ClassVar[str] = ""  # "folder" or "list": what a person without a name for it is led here by

    words: ClassVar[dict[str, str]] = {
        "path": "{}",
        "protocol=holdout": "split by chance",
        "protocol=resampled": "split anew for each seed",
        "protocol=grouped": "no group in two splits",
        "protocol=grouped_resampled": "groups split anew for each seed",
        "protocol=kfold": "cross-validated, a fold a seed",
        "protocol=grouped_kfold": "cross-validated by groups, a fold a seed",
        "folds": "{} folds",
        "protocol=split": "splits as given",
        "protocol=split_without_val": "splits as given",
        "protocol=leave_domain_out": "a domain left out",
    }
    licence = "your own"
    own = True
    leak_fix = "accept it with accept_leaks=[{kind}]"

    path: str = Field("", description="where the data lie, below the data root or absolute")
    test_domain: str = Field("", description="held-out domain of the protocol leave_domain_out")
    folds: int = Field(5, ge=3, description="of the protocols kfold and grouped_kfold")
    external: str = Field("", description="further test data from elsewhere, reported beside the test split")
    accept_leaks: tuple[str, ...] = Field((), description='leaks you know of and accept, e.g. ["duplicate"]')

    @model_validator(mode="after")
    def _fields_apply(self) -> Self:
        """What is given must be of use: a leak that there is, a domain that a protocol holds out."""
        kinds = (self.group_kind, DUPLICATE)
        for leak in self.accept_leaks:
            if leak not in kinds:
                raise ValueError(f"accept_leaks: there is no leak {leak!r}. {nearest(leak, kinds)}")
        if self.test_domain and self.protocol != "leave_domain_out":
            raise ValueError("test_domain is of protocol=leave_domain_out; give both, or leave it out")
        if self.folds != KFOLD.folds and not self.protocol.endswith("kfold"):
            raise ValueError("folds is of protocol=kfold and grouped_kfold; give both, or leave it out")
        return self

    @property
    def rule(self) -> Split:
        """The protocol's rule with the fields filled in."""
        rule = replace(super().rule, leaks=self.accept_leaks)
        if isinstance(rule, CrossValidation):
            return replace(rule, folds=self.folds)
        return replace(rule, test=self.test_domain) if isinstance(rule, LeaveDomainOut) else rule

    def applicable(self) -> tuple[str, ...]:
        """Only the chosen protocol: each reads another layout or column."""
        return (self.protocol,)

    def place(self, root: Path) -> Path:
        """Return the folder or file that ``path`` names.

        Raises:
            MissingData: ``path`` is not set, or nothing is there.
        """
        name = self.plugin_name()
        if not self.path:
            raise MissingData(f"{name}: say where your data lie: {name}[path=...], below --data or absolute.")
        if not (root / self.path).exists():
            raise MissingData(f"{name}: there is nothing at {root / self.path}. Change path, or --data / BENCH_DATA.")
        return root / self.path

    def external_place(self, root: Path) -> Path | None:
        """What ``external`` names, or None.

        Raises:
            MissingData: Nothing is there.
        """
        if not self.external:
            return None
        if not (root / self.external).exists():
            raise MissingData(
                f"{self.plugin_name()}: there is nothing at {root / self.external}. Change external, or --data."
            )
        return root / self.external

    def with_external(
        self, table: pd.DataFrame, rows: Sequence[Mapping[Any, Any]], root: Path, place: Path
    ) -> pd.DataFrame:
        """The table with further test samples behind its own, marked in the column ``external``.

        Args:
            rows: With ``path`` below ``place``, and perhaps ``target``, ``label``, ``group`` and ``domain``.
            place: Where they lie, which may be outside of the set's own folder.
        """
        # by real paths, since the folder above a link's target is not the one above the link
        way = os.path.relpath(os.path.realpath(place), os.path.realpath(self.location(root)))
        moved = ({name: f"{way}/{row[name]}" for name in ("path", "target") if name in row} for row in rows)
        further = file_table({**row, **places} for row, places in zip(rows, moved, strict=True))
        for column, own in (("group", further["id"]), ("domain", place.name)):
            if column in table and column not in further:
                further[column] = own
        kept = [column for column in further if column in table]
        both = pd.concat([table, further[kept]], ignore_index=True)
        marks = [False] * len(table) + [True] * len(further)
        both[EXTERNAL], both["path"] = marks, both["path"].astype(object)
        return both.astype({"label": int}) if "label" in both else both

    def check_domain(self, domains: set[str]) -> None:
        """Say which domains there are when ``test_domain`` is none of them.

        Raises:
            DataError: ``test_domain`` is not among ``domains``.
        """
        if self.protocol == "leave_domain_out" and self.test_domain not in domains:
            known = ", ".join(sorted(domains)) or "none"
            raise DataError(f"{self.plugin_name()}: set test_domain to one of the domains: {known}.")

    def check_splits(self, splits: set[str]) -> None:
        """Check that the given splits fit the protocol.

        Raises:
            DataError: train or test is missing, or validation data are there or not against the protocol's name.
        """
        if not self.protocol.startswith("split"):
            return
        name = self.plugin_name()
        if missing := sorted({"train", "test"} - splits):
            found = ", ".join(sorted(splits)) or "none"
            raise DataError(f"{name}: the split {missing[0]!r} is missing; found {found}.")
        if ("val" in splits) != (self.protocol == "split"):
            article, other = ("a", "split") if "val" in splits else ("no", "split_without_val")
            raise DataError(f"{name}: there is {article} validation split; use protocol={other}.")
