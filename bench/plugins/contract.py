"""What a plug-in's class must define, and names in it that look like slips of the pen for what a contract knows."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar

from bench.plugins import syntax

_MARK = "__must_be_defined__"
_OURS = __name__.partition(".")[0]
_SLIP = 0.8  # likeness above which a method that nobody calls is taken for a misspelled one
_HOOKS = (FunctionType, classmethod, staticmethod, property)
F = TypeVar("F", bound=Callable[..., Any])


def must_define(method: F) -> F:
    """Mark a method of a contract class that every plug-in has to give."""
    setattr(method, _MARK, True)
    return method


def breach(cls: type) -> str:
    """What is wrong with a plug-in class as it is written, in words with its file and line, or nothing.

    A misspelled method is never called: its contract's own would take its place without a word.
    """
    own = {name for name, value in vars(cls).items() if isinstance(value, _HOOKS) and not name.startswith("_")}
    known = _hooks(cls)
    for name, value in inspect.getmembers(cls):
        if getattr(value, _MARK, False):
            meant = difflib.get_close_matches(name, own - known, n=1, cutoff=0.5)
            hint = f" Is {meant[0]}() meant to be it?" if meant else ""
            return f"{place(cls)}: {cls.__name__} must define {name}{_parameters(value)}.{hint}"
    called = _names_used(cls)
    for name in sorted(own - known):
        meant = difflib.get_close_matches(name, known - own, n=1, cutoff=_SLIP)
        if meant or not (name in called or hasattr(cls.__base__, name)):
            hint = f"Is it meant to be {meant[0]}()? Rename it" if meant else f"Known hooks: {', '.join(sorted(known))}"
            return f"{place(cls)}: nothing calls {cls.__name__}.{name}(). {hint}, or begin its name with an underscore."
    return ""


def _names_used(cls: type) -> set[str]:
    """Names that the class's file reads from objects: what is among them may be called by its own code."""
    try:
        tree = syntax.parse(Path(inspect.getfile(cls)))
    except (OSError, TypeError):  # made in a notebook or by a test: nobody can tell
        return set(vars(cls))
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def place(cls: type) -> str:
    """``file:line`` of a class."""
    try:
        return f"{inspect.getfile(cls)}:{inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):  # made in a notebook or by a test
        return cls.__module__


def _hooks(cls: type) -> set[str]:
    """Public methods of the package's classes that a plug-in's class descends from."""
    ours = [base for base in cls.__mro__[1:] if base.__module__.partition(".")[0] == _OURS]
    named = {name for base in ours for name, value in vars(base).items() if isinstance(value, _HOOKS)}
    return {name for name in named if not name.startswith("_")}


def _parameters(method: Callable[..., Any]) -> str:
    return "(" + ", ".join(name for name in inspect.signature(method).parameters if name != "self") + ")"
