"""Loading the next batch while the current one is worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


def ahead(load: Callable[[Item], Loaded], items: Sequence[Item]) -> Iterator[Loaded]:
    """Yield ``load(item)`` for each item in order, one step ahead in a thread; an exception is raised at its place."""
    if len(items) < 2:  # a thread takes longer to start than a batch of kept features to load
        yield from map(load, items)
        return
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(load, items[0])
        for following in items[1:]:
            loaded, waiting = waiting.result(), pool.submit(load, following)
            yield loaded
        yield waiting.result()
