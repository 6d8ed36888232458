"""Texts from elsewhere as a terminal, a table or a page may show them."""

from __future__ import annotations

import re

# C0 and C1 controls, line and paragraph separators, marks that reverse the direction of writing, half characters
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACE = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]+")


def visible(text: str) -> str:
    """One line in which nothing acts on a terminal: line breaks become spaces, other control characters escapes."""
    return _INVISIBLE.sub(_escape, _SPACE.sub(" ", text))


def visible_lines(text: str) -> str:
    """`visible`, line by line; in JSON control characters are escapes already, up to those that it does not ask for."""
    return "\n".join(map(visible, text.split("\n")))


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"
