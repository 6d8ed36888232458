"""Few stand for many: of a long list of parameters, the fast tests take some, `tox -e full` all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow_but(values: Iterable[Any], *fast: str) -> list[Any]:
    """Parameters of a test, marked slow but for those named; a tuple goes by its first entry."""
    made = [(value if isinstance(value, tuple) else (value,)) for value in values]
    missing = set(fast) - {first for first, *_ in made}
    assert not missing, missing
    return [pytest.param(*value, marks=[] if value[0] in fast else [pytest.mark.slow]) for value in made]
