"""The notation of names: formatting and parsing are inverse, and nonsense is refused with a place."""

from __future__ import annotations

import math
import shlex

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
    from bench.plugins import recipe_files

    spec = Spec.parse("paper[augment=none]")
    assert recipe_files.resolve(spec).augment is None
    assert str(recipe_files.canonical("paper", recipe_files.resolve(spec))) == "paper[augment=none]"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("image_folder[path=a/b]/pico/knn/quick/seed=0", 'image_folder[path="a/b"]/pico/knn/quick/seed=0'),
        ("csv_images[path=/tmp/x y/list.csv,protocol=split]/p/m/r/seed=1", 'path="/tmp/x y/list.csv",protocol=split]'),
        ("x[path=C:\\pets]/p/m/r/seed=0", 'x[path="C:\\\\pets"]/p/m/r/seed=0'),
    ],
)
def test_a_path_without_quotes_is_shown_with_them(text: str, written: str) -> None:
    """And what is shown is read as it was meant."""
    with pytest.raises(UsageError, match="needs quotes") as raised:
        Cell.parse(text)
    command = str(raised.value).partition("Write ")[2].removesuffix(".")
    assert written in command
    (shell,) = shlex.split(command)
    assert Cell.parse(shell).dataset.params["path"] in text


def test_values_alone_are_shown_with_quotes_too() -> None:
    with pytest.raises(UsageError, match="""Write '"/tmp/data"'"""):
        parse_value("/tmp/data")


@pytest.mark.parametrize(
    "text",
    [
        "9" * 5000,
        "[" * 3000 + "]" * 3000,
        "[" * 3000,
        "x[k=" + "[" * 50_000,
        "x[k=" + "7" * 5000 + "]",
        "1e" + "9" * 5000,
    ],
)
def test_endless_names_are_usage_errors(text: str) -> None:
    refused = []
    for read in (parse_value, Spec.parse, lambda name: Cell.parse(f"{name}/b/c/d/seed={name}")):
        try:
            read(text)
        except UsageError as error:
            refused.append(str(error))
    assert refused
    assert max(map(len, refused)) < 2000
