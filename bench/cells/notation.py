"""``name[key=value,...]``: the one notation for data sets, backbones, methods and recipes.

Values are numbers, ``true``, ``false``, ``none``, bare words, JSON strings and ``[lists]``.
Formatting and parsing are inverse to each other; a property test holds that.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from bench.core.errors import UsageError

_WORD = re.compile(r"[A-Za-z0-9_.+-]+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|nan)$")
_SHOWN = 500  # characters of a name in a message
_DEEPEST = 32  # lists within lists; no field has more than two
_LONGEST = 300  # digits; no field has more than twenty
_CONSTANTS = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class Spec:
    """A plug-in's name and the parameters given to it."""

    name: str
    params: dict[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        if not self.params:
            return self.name
        inside = ",".join(f"{key}={format_value(value)}" for key, value in self.params.items())
        return f"{self.name}[{inside}]"

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Read ``name`` or ``name[key=value,...]``.

        Raises:
            UsageError: The text does not follow the notation.
        """
        scanner = Scanner(text)
        spec = scanner.spec()
        scanner.end()
        return spec


def format_value(value: Any) -> str:
    """Write a value so that `parse_value` reads the same value back."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(format_value(item) for item in value) + "]"
    text = str(value)
    bare = len(text) <= _LONGEST and _WORD.fullmatch(text) and text not in _CONSTANTS and not _NUMBER.match(text)
    return text if bare else json.dumps(text)


def parse_value(text: str) -> Any:
    """Read one value; the inverse of `format_value`.

    Raises:
        UsageError: The text is not a value.
    """
    scanner = Scanner(text)
    value = scanner.value_until("")
    scanner.end()
    return value


class Scanner:
    """A recursive-descent reader of the notation."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0  # of lists
        self.inside = False  # of a spec's brackets

    def peek(self) -> str:
        """The next character, or an empty string at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, char: str) -> None:
        """Step over ``char`` or raise."""
        if self.peek() != char:
            self.fail(f"expected {char!r}")
        self.at += 1

    def end(self) -> None:
        """Raise unless everything has been read."""
        if self.at != len(self.text):
            self.fail("expected the end")

    def fail(self, problem: str) -> None:
        """Raise a UsageError that points at the place."""
        found = repr(self.peek()) if self.peek() else "the end"
        shown = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}..."
        raise UsageError(
            f"Cannot read {shown!r}: {problem} at position {self.at}, found {found}. "
            "The notation is name[key=value,...]."
        )

    def word(self) -> str:
        """Read a bare word."""
        match = _WORD.match(self.text, self.at)
        if match is None:
            self.fail("expected a name or value")
        assert match is not None
        self.at = match.end()
        return match.group()

    def spec(self) -> Spec:
        """Read ``name[key=value,...]``."""
        name = self.word()
        params: dict[str, Any] = {}
        if self.peek() == "[":
            self.take("[")
            self.inside = True
            while self.peek() != "]":
                key, value = self.pair()
                if key in params:
                    self.fail(f"{key!r} is given twice")
                params[key] = value
                if self.peek() != "]":
                    self.take(",")
            self.take("]")
            self.inside = False
        return Spec(name, params)

    def pair(self) -> tuple[str, Any]:
        """Read ``key=value``."""
        key = self.word()
        self.take("=")
        return key, self.value_until(",]/")

    def value_until(self, ends: str) -> Any:
        """Read a value that one of these characters, or the end, follows; what lacks quotes is shown with them.

        A slash ends a value only where a part of a cell's name does; inside of brackets it belongs to a path.
        """
        if self.inside:
            ends = ends.replace("/", "")
        raw = re.compile(f"[^{re.escape(ends)}]+" if ends else ".+", re.DOTALL).match(self.text, self.at)
        if raw is None or len(self.text) > _SHOWN or raw.group()[0] in '"[' or _WORD.fullmatch(raw.group().strip()):
            return self.value()
        quoted = f"{self.text[: self.at]}{json.dumps(raw.group(), ensure_ascii=False)}{self.text[raw.end() :]}"
        raise UsageError(f"Cannot read {raw.group()!r} in {self.text!r}: it needs quotes. Write {shlex.quote(quoted)}.")

    def value(self) -> Any:
        """Read a number, constant, bare word, JSON string or list."""
        if self.peek() == '"':
            return self.string()
        if self.peek() == "[":
            return self.items()
        word = self.word()
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        if (
            len(word) > _LONGEST and word.lstrip("+-")[:1].isdigit()
        ):  # before the pattern, whose time grows with the square
            self.fail(f"a number of {len(word)} characters is too long")
        if _NUMBER.match(word):
            return float(word) if re.search(r"[.eEn]", word) else int(word)
        return word

    def string(self) -> str:
        """Read a JSON string."""
        try:
            value, end = json.JSONDecoder().raw_decode(self.text, self.at)
        except json.JSONDecodeError:
            self.fail("expected a closing quote")
        self.at = end
        return str(value)

    def items(self) -> list[Any]:
        """Read ``[value,value,...]``."""
        self.take("[")
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"lists within lists more than {_DEEPEST} deep")
        found: list[Any] = []
        while self.peek() != "]":
            found.append(self.value_until(",]"))
            if self.peek() != "]":
                self.take(",")
        self.take("]")
        self.depth -= 1
        return found
