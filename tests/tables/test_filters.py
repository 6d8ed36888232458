"""Filters on the canonical name and its parts."""

from __future__ import annotations

import pytest
from made_records import failed, record

from bench.core.errors import UsageError
from bench.tables.filters import select, split_outside

NAMES = [
    "pacs[protocol=lodo_art]/pico/cladapter[k=10]/quick/seed=0",
    "pacs/pico/cladapter[k=20]/quick/seed=0",
    "pacs/vit_tiny[size=112]/cladapter[k=10,tuning=frozen]/paper[lr=0.001]/seed=1",
    "pacs/vit_tiny[size=112]/linear_probe/paper[lr=0.001]/seed=1,data_seed=0",
    'csv_images[table="a/b c.csv"]/pico/cladapter_x/quick/seed=12',
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (None, [0, 1, 2, 3, 4]),
        ("", [0, 1, 2, 3, 4]),
        ("cladapter", [0, 1, 2]),
        ("cladapter*", [0, 1, 2, 4]),
        ("cladapter[k=10]", [0, 2]),
        ("cladapter[k=1?]", [0, 2]),
        ("cladapter[tuning=frozen,k=10]", [2]),
        ("pacs/*/cladapter", [0, 1, 2]),
        ("*/pico", [0, 1, 4]),
        ("*/*/*/paper[lr=1e-3]/seed=1", [2]),
        ("*/*/*/*/seed=1*", [2, 3, 4]),
        ("method=cladapter", [0, 1, 2]),
        ("protocol=lodo_*", [0]),
        ("pacs[protocol=lodo_art]", [0]),
        ("seed=1", [2]),
        ("seed=1,data_seed=0", [3]),
        ("recipe=quick cladapter*", [0, 1, 4]),
        ('csv_images[table="a/b c.csv"]', [4]),
        ("vit_tiny[size=112] seed=1", [2]),
        (NAMES[2], [2]),
    ],
)
def test_patterns(pattern: str | None, expected: list[int]) -> None:
    records = [record(name) for name in NAMES]
    assert [NAMES.index(found.cell) for found in select(records, pattern)] == expected


def test_status_and_names() -> None:
    records = [record(NAMES[0]), failed(NAMES[1])]
    assert select(records, "status=failed") == records[1:]
    assert select(records, {NAMES[0]}) == records[:1]


def test_defaults_count_as_fields() -> None:
    made = record("pacs/pico/cladapter/quick/seed=0")
    full = made.model_copy(update={"method": made.method.model_copy(update={"params": {"k": 20}})})
    assert select([full], "cladapter[k=20]") == [full]


@pytest.mark.parametrize("pattern", ["cladapter[k=10", "cladapter[k]", "a/b/c/d/e/f"])
def test_what_cannot_be_read_is_an_error(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"(Write|parts)"):
        select([record(NAMES[0])], pattern)


def test_no_match_is_an_error_with_a_hint() -> None:
    with pytest.raises(UsageError, match=r"Did you mean .cladapter.\?"):
        select([record(NAMES[0])], "clad")


def test_split_outside_of_brackets_and_quotes() -> None:
    assert split_outside('a[x="]/",y=[1,2]]/b', "/") == ['a[x="]/",y=[1,2]]', "b"]
