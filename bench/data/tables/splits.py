"""Split rules: functions from the table of samples to train / val / test.

A rule is a frozen dataclass. Calling it with the table (and a seed, which only rules that say so use)
returns a Series over the table's index with the values "train", "val", "test" or "" (not used).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

EXTERNAL = "external"  # the split, and the column that marks its rows: test samples from elsewhere, which no rule sees
Selection = Literal["val_best", "last", "test_best"]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Base of the rules.

    Attributes:
        leaks: What the published protocol is known to mix, e.g. ("patient",), or contradict ("conflicting_labels");
            every table says so.
        selection: Forced criterion of protocols without validation data; None: the recipe decides.
        note: One line for the reader of a table, e.g. that the reported split is the public validation set.
        drawn: The seed draws the test samples anew, so that runs of different data seeds are judged on different ones.
        unseen: Classes without a training sample are meant: the protocol asks how well they are recognised.
    """

    leaks: tuple[str, ...] = ()
    selection: Selection | None = None
    note: str = ""
    unseen: bool = False
    drawn: bool = False

    def __call__(self, table: pd.DataFrame, seed: int = 0) -> pd.Series:
        """Assign every row; see the module's docstring.

        Raises:
            DataError: The table lacks a column or the samples that the rule needs.
        """
        raise NotImplementedError

    @property
    def shares(self) -> dict[str, float]:
        """Split -> the share of all samples that it should have, where the rule divides them itself."""
        return {}


@dataclass(frozen=True, kw_only=True)
class Official(Split):
    """Splits written in a column of the table.

    Attributes:
        column: The column with "train" / "val" / "test" / "".
        rename: Column value -> split, for sets that evaluate on another published split.
    """

    column: str = "split"
    rename: tuple[tuple[str, str], ...] = ()

    def __call__(self, table: pd.DataFrame, seed: int = 0) -> pd.Series:
        return need(table, self.column).astype(str).replace(dict(self.rename))


@dataclass(frozen=True, kw_only=True)
class PerClass(Split):
    """A fixed number of training and validation samples a class; the rest is test."""

    train: int
    val: int
    random_state: int = 0

    def __call__(self, table: pd.DataFrame, seed: int = 0) -> pd.Series:
        rng = np.random.default_rng(self.random_state)
        assigned = blank(table, "test")
        for label in sorted(table["label"].unique()):
            rows = table.index[table["label"] == label]
            if len(rows) <= self.train + self.val:
                needed = self.train + self.val + 1
                raise DataError(f"Class {label} has {len(rows)} samples; the protocol needs {needed} or more.")
            order = rng.permutation(len(rows))
            assigned.loc[rows[order[: self.train]]] = "train"
            assigned.loc[rows[order[self.train : self.train + self.val]]] = "val"
        return assigned


@dataclass(frozen=True, kw_only=True)
class Folds(Split):
    """Stratified k folds of all rows, in table order; with ``group`` no group crosses a fold.

    Attributes:
        train, val, test: Fold numbers that make up each split.
        group: Column that must not cross folds (patient, slide, physical sample); None: plain stratified.
        random_state: The shuffle's seed, fixed by the protocol; `drawn` adds the seed to it.
    """

    folds: int
    train: tuple[int, ...]
    val: tuple[int, ...] = ()
    test: tuple[int, ...] = ()
    group: str | None = None
    random_state: int = 1

    def __call__(self, table: pd.DataFrame, seed: int = 0) -> pd.Series:
        state = (self.random_state + self.drawn * seed) % 2**32  # all that scikit-learn takes
        numbers = fold_numbers(table, self.folds, state, self.group)
        assigned = blank(table, "")
        for name, members in (("train", self.train), ("val", self.val), ("test", self.test)):
            assigned[np.isin(numbers, members)] = name
        return assigned

    @property
    def shares(self) -> dict[str, float]:
        parts = {"train": self.train, "val": self.val, "test": self.test}
        return {name: len(members) / self.folds for name, members in parts.items() if members}


@dataclass(frozen=True, kw_only=True)
class CrossValidation(Split):
    """k-fold cross-validation: the seed says which fold tests, the next one validates, the others train.

    Seeds 0 to k - 1 test every sample once; k to 2k - 1 do so with other folds, and so on.

    Attributes:
        folds: k, three or more.
        group: Column that must not cross folds; None: plain stratified.
    """

    folds: int = 5
    group: str | None = None
    random_state: int = 1
    drawn: bool = True

    def __call__(self, table: pd.DataFrame, seed: int = 0) -> pd.Series:
        repetition, tested = divmod(seed, self.folds)
        numbers = fold_numbers(table, self.folds, (self.random_state + repetition) % 2**32, self.group)
        assigned = blank(table, "train")
        assigned[numbers == (tested + 1) % self.folds] = "val"
        assigned[numbers == tested] = "test"
        return assigned

    @property
    def shares(self) -> dict[str, float]:
        one = 1 / self.folds
        return {"train": 1 - 2 * one, "val": one, "test": one}


@dataclass(frozen=True, kw_only=True)
class LeaveDomainOut(Split):
    """One domain is the test split; the others are divided into stratified folds.

    Attributes:
        test: The held-out domain.
        folds: How many folds the other domains make.
        train: Which of these folds train, by number in scikit-learn's order; the rest validates. All: no validation.
    """

    test: str
    folds: int = 5
    train: tuple[int, ...] = (1, 2, 3, 4)
    random_state: int = 1

    def __call__(self, table: pd.DataFrame, seed: int = 0) -> pd.Series:
        inside = need(table, "domain") != self.test
        if inside.all():
            raise DataError(f"No sample has the domain {self.test!r}.")
        assigned = blank(table, "test")
        assigned[inside] = "train"
        if set(self.train) != set(range(self.folds)):
            numbers = fold_numbers(table[inside], self.folds, self.random_state)
            assigned[inside] = np.where(np.isin(numbers, self.train), "train", "val")
        return assigned


@dataclass(frozen=True, kw_only=True)
class DomainHoldout(Split):
    """One domain is the test split; of every other a random share validates. The seed draws the shares.

    This is the rule of DomainBed (Gulrajani & Lopez-Paz, ICLR 2021), bit for bit where its domains and files come in
    the table's order: no strata, and a generator for each domain, seeded by md5 of the text ``(seed, domain number)``.

    Attributes:
        test: The held-out domain.
        holdout: Share of each other domain that validates, rounded down.
        oracle: The held-out share of the test domain validates instead, and its rest is tested: DomainBed's
            test-domain validation. Training samples are the same.
    """

    test: str
    holdout: float = 0.2
    oracle: bool = False

    def __call__(self, table: pd.DataFrame, seed: int = 0) -> pd.Series:
        domains = need(table, "domain")
        if not (domains == self.test).any():
            raise DataError(f"No sample has the domain {self.test!r}.")
        assigned = blank(table, "test")
        for number, domain in enumerate(sorted(domains.unique())):
            rows = table.index[domains == domain].to_numpy(copy=True)
            tested = domain == self.test
            if tested and not self.oracle:
                continue
            text = str((seed, number)).encode()
            np.random.RandomState(int(hashlib.md5(text).hexdigest(), 16) % 2**31).shuffle(rows)
            held_out = int(len(rows) * self.holdout)
            assigned[rows[:held_out]] = "val" if tested or not self.oracle else ""
            assigned[rows[held_out:]] = "test" if tested else "train"
        return assigned


def fold_numbers(table: pd.DataFrame, folds: int, random_state: int, group: str | None = None) -> np.ndarray:
    """Return (n,) fold numbers from scikit-learn's (grouped) stratified k-fold over the rows in order.

    Tables without labels are one stratum.

    Raises:
        DataError: There are fewer samples of a class, or fewer groups, than folds, or the group column is missing.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    labels = strata(table).to_numpy()
    groups = None if group is None else need(table, group).to_numpy()
    _check_sizes(labels, groups, folds, group)
    kind = StratifiedKFold if group is None else StratifiedGroupKFold
    splitter = kind(folds, shuffle=True, random_state=random_state)
    numbers = np.empty(len(table), dtype=int)
    for number, (_, held_out) in enumerate(splitter.split(np.zeros(len(table)), labels, groups)):
        numbers[held_out] = number
    return numbers


def _check_sizes(labels: np.ndarray, groups: np.ndarray | None, folds: int, group: str | None) -> None:
    """Folds would stay empty, or scikit-learn would refuse: with groups it only asks for one class that fills all."""
    sizes = np.unique(labels, return_counts=True)[1]
    if groups is None:
        smallest = int(sizes.min(initial=len(labels)))
        if smallest < folds:
            raise DataError(f"The smallest class has {smallest} samples, fewer than the protocol's {folds} folds.")
        return
    number, largest = len(np.unique(groups)), int(sizes.max(initial=0))
    if number < folds:
        raise DataError(f"The column {group!r} holds {number} groups, fewer than the protocol's {folds} folds.")
    if largest < folds:
        raise DataError(f"The largest class has {largest} samples, fewer than the protocol's {folds} folds.")


def strata(table: pd.DataFrame) -> pd.Series:
    """What splits and subsets are balanced over: the labels, or one stratum where the task has none."""
    return table["label"] if "label" in table else blank(table, "")


def blank(table: pd.DataFrame, value: str) -> pd.Series:
    """A Series over the table's index filled with one split name."""
    import pandas as pd

    return pd.Series(value, index=table.index, dtype=object)


def need(table: pd.DataFrame, column: str) -> pd.Series:
    """Return a column or say that the adapter does not provide it."""
    if column not in table:
        raise DataError(f"The protocol needs the column {column!r}; the table has {', '.join(table.columns)}.")
    return table[column]
