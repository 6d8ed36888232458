"""One published number: a row of a paper's CSV."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, model_validator

from bench.cells.cell import Cell
from bench.claims.reported_value import Printed
from bench.core.errors import UsageError

Unit = Literal["%", "fraction", "points", "M", "G", "count", "none"]
Aggregation = Literal["", "mean", "harmonic mean", "difference"]
Status = Literal["printed", "read from image", "secondary source", "no number", "not found"]
# How a unit relates to what records hold: fractions 0..1, and plain counts.
FACTORS: dict[str, Fraction] = {
    "%": Fraction(1, 100),
    "points": Fraction(1, 100),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
}
PROPORTIONS = ("%", "fraction")
COUNTED = ("total_parameters", "trainable_fraction", "macs")  # definitions that no seed changes
ID = re.compile(r"[a-z0-9_]+:[a-z0-9_]+:[a-z0-9_-]+")


def _class_counts(text: Any) -> Any:
    """``179/33/39/27`` or, for classes of one size, ``11x108``."""
    if not isinstance(text, str):
        return text
    if match := re.fullmatch(r"(\d+)x(\d+)", text):
        return (int(match[2]),) * int(match[1])
    return tuple(int(count) for count in text.split("/")) if text else ()


def _words(text: Any) -> Any:
    return tuple(text.split()) if isinstance(text, str) else text


def _or_none(text: Any) -> Any:
    return None if text == "" else text


class Claim(BaseModel):
    """A published number with what is known about how it came to be; empty fields are not stated.

    Attributes:
        id: ``paper:table:name``, unique.
        locator: Table or figure of the source.
        dataset, protocol, backbone, pretraining, method: As the source words them.
        cell: The cell that would produce it, without seed: ``dataset/backbone/method/recipe``, also a table filter.
        stage: The training stage it speaks of, where not the last.
        metric: As the source words it.
        definition: What is measured, by the name records use: `accuracy`, `paper_f1`, `macro_recall`, ...
        value: The text as printed.
        decimals: Places of the source; taken from the value where not given.
        n_test: Test samples; `n_source` says who says so.
        class_counts: Test samples of each class.
        runs: Runs or splits of equal size that are averaged; not stated: one is assumed.
        aggregation: How the claims `made_of` give this one; `difference` is the first minus the second.
        selection: What the reported epoch was chosen on: `val`, `test`, ...
        cited_from: The other work that the number was taken from.
        split_identical: Whether a reproduction can have the very same test samples.
        delta: Largest difference that still counts as reproduced, in the printed unit; else the planning MDE.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    paper: str
    version: str = ""
    locator: str = ""
    dataset: str = ""
    protocol: str = ""
    backbone: str = ""
    pretraining: str = ""
    method: str = ""
    cell: str = ""
    stage: str = ""
    metric: str
    definition: str = ""
    value: str
    decimals: Annotated[int | None, BeforeValidator(_or_none)] = None
    unit: Unit = "%"
    n_test: Annotated[PositiveInt | None, BeforeValidator(_or_none)] = None
    n_source: str = ""
    class_counts: Annotated[tuple[PositiveInt, ...], BeforeValidator(_class_counts)] = ()
    runs: Annotated[PositiveInt | None, BeforeValidator(_or_none)] = None
    aggregation: Aggregation = ""
    made_of: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    selection: str = ""
    cited_from: str = ""
    split_identical: Annotated[bool | None, BeforeValidator(_or_none)] = None
    delta: Annotated[Decimal | None, BeforeValidator(_or_none), Field(gt=0)] = None
    planned_seeds: Annotated[int, Field(ge=3)] = 5
    source: str = ""
    status: Status = "printed"
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not ID.fullmatch(self.id) or not self.id.startswith(f"{self.paper}:"):
            raise ValueError(f"the id {self.id!r} is not paper:table:name in small letters, digits, _ and -")
        if (self.number is None) != (self.status in ("no number", "not found")):
            raise ValueError(
                f"{self.value!r} and the status {self.status!r} do not fit; 'no number' is for other texts"
            )
        if self.class_counts and sum(self.class_counts) != self.n_test:
            raise ValueError(f"the class counts add up to {sum(self.class_counts)}, n_test is {self.n_test}")
        if bool(self.aggregation) < bool(self.made_of):
            raise ValueError("made_of needs an aggregation")
        if self.cell:
            self._check_cell()
        return self

    def _check_cell(self) -> None:
        if not self.definition:
            raise ValueError("a claim with a cell needs a definition: the metric's name in records")
        try:
            Cell.parse(f"{self.cell}/seed=0")
        except UsageError as error:
            raise ValueError(f"cell: {error}") from None

    @property
    def table(self) -> str:
        """The id's middle part."""
        return self.id.split(":")[1]

    @cached_property
    def number(self) -> Printed | None:
        """The printed number; None for "not found", "-" and the like."""
        return Printed.read(self.value, self.decimals)

    @property
    def factor(self) -> Fraction:
        """What the printed unit is in the unit of records."""
        return FACTORS.get(self.unit, Fraction(1))

    @property
    def kind(self) -> str:
        """`accuracy`, `precision`, `recall` or `f1`, whatever the source calls it exactly; else empty."""
        words = re.findall(r"[a-z0-9]+", self.metric.lower()) if self.unit in PROPORTIONS else []
        return next((kind for kind in ("accuracy", "precision", "recall", "f1") if kind in words), "")
