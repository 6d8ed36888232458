"""The package's log: the logger ``bench``, quiet unless somebody listens."""

from __future__ import annotations

import logging

logging.getLogger("bench").addHandler(logging.NullHandler())


def show_tracebacks() -> None:
    """Print what goes to the log at the level DEBUG, tracebacks of failed cells among it, on standard error."""
    log = logging.getLogger("bench")
    log.setLevel(logging.DEBUG)
    if not any(type(handler) is logging.StreamHandler for handler in log.handlers):
        log.addHandler(logging.StreamHandler())
