"""Tests that every plug-in must pass. They ship with the package: `bench check FILE` runs them on anybody's file.

A check is a function of one subject (a method's class, a data set with its root). It returns when all is well and
raises `Violation` through `require`, `Skipped` when it does not apply here, or whatever the plug-in itself raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.core.errors import BenchError
from bench.core.places import place_of, trace_of
from bench.plugins.folders import plugin_folders

Check = Callable[[Any], None]


class Violation(BenchError):
    """A plug-in breaks its contract; the message says the fix."""

    kind = "violation"


class Skipped(Exception):
    """A check does not apply here; the message says why."""


@dataclass(frozen=True)
class Verdict:
    """What one check found.

    Attributes:
        check: The function's name without "check_".
        about: First line of its docstring.
        problem: What is wrong, or None.
        skipped: Why the check does not apply, or None.
        trace: Traceback of an unexpected exception, for ``--debug``; else empty.
    """

    check: str
    about: str
    problem: str | None = None
    skipped: str | None = None
    trace: str = ""


def require(condition: object, problem: str) -> None:
    """Raise `Violation` unless the condition holds."""
    if not condition:
        raise Violation(problem)


def examine(subject: Any, checks: Iterable[Check]) -> Iterator[Verdict]:
    """Run checks on a subject, one verdict each; one that fails does not stop the others."""
    for check in checks:
        name, about = check.__name__.removeprefix("check_"), (check.__doc__ or "").partition("\n")[0]
        try:
            check(subject)
        except Skipped as skipped:
            yield Verdict(name, about, skipped=str(skipped))
        except BenchError as error:
            yield Verdict(name, about, problem=str(error))
        except Exception as error:  # a plug-in may raise anything; the verdict says what and where
            problem = f"{type(error).__name__}: {error} ({place_of(error, plugin_folders())})"
            yield Verdict(name, about, problem=problem, trace=trace_of(error))
        else:
            yield Verdict(name, about)
