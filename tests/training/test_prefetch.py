"""Loading one step ahead keeps order and errors where they belong."""

from __future__ import annotations

import threading

import pytest

from bench.training.prefetch import ahead


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_all_items_come_in_order(count: int) -> None:
    assert list(ahead(lambda number: 10 * number, range(count))) == [10 * number for number in range(count)]


def test_the_next_item_loads_while_the_current_one_is_used() -> None:
    begun = [threading.Event() for _ in range(3)]

    def load(number: int) -> int:
        begun[number].set()
        return number

    for number in ahead(load, range(3)):
        if number < 2:
            assert begun[number + 1].wait(10)


def test_an_error_is_raised_where_its_item_would_be() -> None:
    def load(number: int) -> int:
        if number == 2:
            raise OSError("gone")
        return number

    seen: list[int] = []
    with pytest.raises(OSError, match="gone"):
        seen.extend(ahead(load, range(4)))
    assert seen == [0, 1]


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    for _ in ahead(lambda number: number, range(100)):
        break
    assert threading.active_count() <= before + 1
