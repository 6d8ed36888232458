"""The notation of names: formatting and parsing are inverse, and nonsense is refused with a place."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cells.cell import Cell
from bench.cells.notation import Spec, format_value, parse_value
from bench.core.errors import UsageError

names = st.from_regex(r"[A-Za-z0-9_.+-]{1,20}", fullmatch=True)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4), max_leaves=8)
specs = st.builds(Spec, names, st.dictionaries(names, values, max_size=4))
seeds = st.integers(0, 2**31)
cells = st.builds(Cell, specs, specs, specs, specs, seeds, st.none() | seeds)


@given(values)
def test_values_survive(value: object) -> None:
    again = parse_value(format_value(value))
    assert again == value
    assert type(again) is type(value)


@given(st.floats(allow_nan=False))
def test_floats_keep_every_bit(value: float) -> None:
    assert math.copysign(1, parse_value(format_value(value))) == math.copysign(1, value)
    assert parse_value(format_value(value)) == value


@given(specs)
def test_specs_survive(spec: Spec) -> None:
    assert Spec.parse(str(spec)) == spec


@given(cells)
def test_cells_survive(cell: Cell) -> None:
    assert Cell.parse(str(cell)) == cell
    assert hash(Cell.parse(str(cell))) == hash(cell)


@given(cells, cells)
def test_different_cells_have_different_names(one: Cell, other: Cell) -> None:
    assert (str(one) == str(other)) == (one == other)


def test_data_seed_is_named_only_when_different() -> None:
    spec = Spec("x")
    assert str(Cell(spec, spec, spec, spec, 3, 3)).endswith("/seed=3")
    assert str(Cell(spec, spec, spec, spec, 3, 4)).endswith("/seed=3,data_seed=4")
    assert Cell(spec, spec, spec, spec, 3, 4).data_seed_value == 4
    assert Cell(spec, spec, spec, spec, 3).data_seed_value == 3


@pytest.mark.parametrize(
    "text",
    ["", "x[", "x[k]", "x[k=]", "x[k=1", "x[k=1]y", "x[k=1 ]", "x[k=[1,2]", 'x[k="open]', "x[k=1,k=2]", "x y", "x[=1]"],
)
def test_broken_specs_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="position"):
        Spec.parse(text)


@pytest.mark.parametrize(
    "ending", ["seed=-1", "seed=x", "seed=1.5", "seed=true", "data_seed=1", "seed=1,more=2", "seed="]
)
def test_broken_seeds_are_refused(ending: str) -> None:
    with pytest.raises(UsageError):
        Cell.parse(f"a/b/c/d/{ending}")


def test_a_cell_has_five_parts() -> None:
    with pytest.raises(UsageError):
        Cell.parse("a/b/c/seed=0")


def test_no_augmentation_is_written_and_read_as_none() -> None:
    from bench.cells import recipes

    spec = Spec.parse("paper[augment=none]")
    assert recipes.resolve(spec).augment is None
    assert str(recipes.canonical(spec)) == "paper[augment=none]"
