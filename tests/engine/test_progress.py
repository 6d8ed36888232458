"""Ctrl-C stops a run even where Python drops its exception."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from bench.core.progress import Reporter


class Deaf:
    """Interrupts its process while it is finalised, where Python drops every exception."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("book", [lambda r: r.epoch(1), lambda r: r.cell("a cell"), lambda r: r.working("something")])
def test_a_lost_interrupt_stops_at_the_next_step(book: Callable[[Reporter], None]) -> None:
    with Reporter(1, 1, quiet=True) as reporter:
        thing = Deaf()
        del thing
        assert reporter.interrupted
        with pytest.raises(KeyboardInterrupt):
            book(reporter)


def test_the_usual_handler_is_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Reporter(1, 1, quiet=True) as reporter:
        reporter.epoch(1)
    assert signal.getsignal(signal.SIGINT) is before
