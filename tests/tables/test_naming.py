"""Filters that messages offer choose what they were made for, and are short."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_records import done

from bench.core.errors import UsageError
from bench.records import Record, Store
from bench.tables.filters import select
from bench.tables.naming import RUN, SETTING, naming, one_run
from bench.tables.rows import group

COMMITTED = Path(__file__).parents[2] / "results"


def record(name: str, **params: dict[str, object]) -> Record:
    """A record whose parts have these fields, as the engine writes them, defaults too."""
    made = done(name)[0]
    parts = {kind: getattr(made, kind).model_copy(update={"params": fields}) for kind, fields in params.items()}
    return made.model_copy(update=parts)


@pytest.fixture
def records() -> list[Record]:
    return [
        record("digits/pico/knn/quick/seed=0", backbone={"size": 64}, dataset={"shots": 20}),
        record("digits[shots=5]/pico/knn/quick/seed=0", backbone={"size": 64}, dataset={"shots": 5}),
        record("digits[shots=5]/pico[size=32]/knn/quick/seed=0", backbone={"size": 32}, dataset={"shots": 5}),
        record("digits[shots=5]/pico[size=32]/knn/quick/seed=1", backbone={"size": 32}, dataset={"shots": 5}),
        record("digits/pico/ridge/quick/seed=0", backbone={"size": 64}, dataset={"shots": 20}),
    ]


def test_no_more_is_said_than_tells_records_apart(records: list[Record]) -> None:
    assert naming(records[0], records) == "knn pico[size=64] digits[shots=20]"
    assert naming(records[2], records) == "knn pico[size=32]"
    assert naming(records[2], records, RUN) == "knn pico[size=32] seed=0"
    assert naming(records[4], records) == "ridge"
    assert naming(records[4], records, SETTING) == "digits[shots=20]"
    assert naming(records[4], records[4:]) == ""


def test_a_field_that_older_records_lack_makes_no_other_row(records: list[Record]) -> None:
    older, later = (
        record(f"digits/pico/vpt/quick/seed={seed}", recipe=fields)
        for seed, fields in ((0, {}), (1, {"accumulate": 1}))
    )
    together = [*records, older, later]
    assert naming(later, together) == naming(older, together) == "vpt"
    assert naming(later, together, RUN) == "vpt seed=1"


def test_a_name_that_several_parts_have_says_which(records: list[Record]) -> None:
    mine = record("knn/pico/ridge/quick/seed=0", backbone={"size": 64})
    together = [*records, mine]
    for one in together:
        assert {found.cell for found in select(together, naming(one, together, RUN))} == {one.cell}
    assert naming(records[2], together) == "method=knn pico[size=32]"


@pytest.mark.slow
def test_every_committed_row_is_named() -> None:
    records = [one for one in Store(COMMITTED).readable() if one.status == "done"][::5]
    rows = group(records)
    assert len(rows) > 100
    for key, runs in rows.items():
        assert set(group(select(records, naming(runs[0], records)))) == {key}


def test_a_cells_name_is_that_run_alone() -> None:
    """A name without fields is a pattern of others, too."""
    both = [done(f"digits/pico/{method}/quick/seed=0")[0] for method in ("cladapter", "cladapter[k=5]")]
    assert one_run(both, both[0].cell) == both[0]
    with pytest.raises(UsageError, match="names 2 finished runs"):
        one_run(both, "cladapter")
