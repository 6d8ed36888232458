"""Names for people: ``pacs[fraction=0.5]`` under protocol ``paper`` is "PACS, tested on Art Painting, 50 % of ...".

A plug-in's file says its `title`, and in `words` what is said of its fields: ``"fraction": "{:.0%} of the training
images"``; ``"tuning=frozen": "frozen backbone"`` for one value; ``"subset=": "BreastMNIST"`` where a field is left out;
``"protocol=leave_*": "tested on {}"`` for protocols; ``"name=lite0"`` for the backbones of a family. Empty words are
left out; a field without words is spelt "k 5".
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bench.cells.notation import Spec, format_value
from bench.cells.recipes import WORDS
from bench.core.errors import UsageError
from bench.plugins.registry import catalog
from bench.plugins.scan import Kind

KINDS: dict[str, Kind] = {"dataset": "datasets", "method": "baselines", "recipe": "recipes", "task": "tasks"}
LABELS = "labels.toml"


@dataclass(frozen=True)
class Titles:
    """What parts of a cell's name are called.

    Attributes:
        labels: A person's own: ``cladapter`` or ``cladapter[k=5]`` -> what it is called.
        canonical: Spell everything as in a cell's name.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    canonical: bool = False

    def of(self, part: str, text: str) -> str:
        """A ``method``, ``backbone`` or ``recipe`` as it is written in a cell's name, for people."""
        if self.canonical:
            return text
        if text in self.labels:
            return self.labels[text]
        spec = Spec.parse(text)
        title, words = self._known(part, spec.name)
        told = _fields(spec.params, words)
        if part == "backbone":
            return ", ".join([title, *told])
        return f"{title} ({', '.join(told)})" if told else title

    def dataset(self, text: str, protocol: str) -> str:
        """A data set under a protocol, for people."""
        if self.canonical:
            return f"{text} ({protocol})"
        if text in self.labels:
            return self.labels[text]
        spec = Spec.parse(text)
        title, words = self._known("dataset", spec.name)
        if protocol.startswith("mean of "):
            words = {**words, f"protocol={protocol}": protocol.replace("mean of", "mean over the protocols")}
        return ", ".join(filter(None, [title, *_fields({"protocol": protocol, **spec.params}, words)]))

    def _known(self, part: str, name: str) -> tuple[str, Mapping[str, str]]:
        """The title and the words of a plug-in that is here; of another its name."""
        if part == "backbone":
            title, words = _backbone(name)
        else:
            entry = catalog(KINDS[part]).get(name)
            title, words = (entry.title, dict(entry.words)) if entry else ("", {})
            words = WORDS if part == "recipe" else words
        return self.labels.get(name) or title or plain(name), words


CANONICAL = Titles(canonical=True)


def plain(name: str) -> str:
    """A plug-in's name without a title: ``my_probe`` is "My probe"."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def labels_of(folder: Path, given: Iterable[str] = ()) -> dict[str, str]:
    """A person's own names: ``name=title`` texts, before those of a results folder's ``labels.toml``.

    Raises:
        UsageError: A text has no ``=``, or the file is not a table of texts.
    """
    file, found = folder / LABELS, dict[str, Any]()
    if file.is_file():
        try:
            found = tomllib.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f'{file}: {error}. Write lines such as cladapter = "Ours".') from None
    if wrong := [name for name, title in found.items() if not isinstance(title, str)]:
        raise UsageError(f'{file}: {wrong[0]} is no text. Write lines such as cladapter = "Ours".')
    for text in given:
        name, equals, title = text.rpartition("=") if "]=" in text else text.partition("=")
        if not (name and equals and title):
            raise UsageError(f"--label {text}: write name=title, as in --label cladapter=Ours.")
        found[name] = title
    return found


def _backbone(name: str) -> tuple[str, Mapping[str, str]]:
    """A family that names it says its title and its words; the timm family's are those of all others."""
    families = [dict(entry.words) for entry in catalog("backbones").values()]
    for words in families:
        if f"name={name}" in words:
            return words[f"name={name}"], words
    return name, {key: text for words in families for key, text in words.items() if not key.startswith("name=")}


def _fields(params: Mapping[str, Any], words: Mapping[str, str]) -> list[str]:
    """What is said of fields, and of those that are left out and should be named, in the order of the words."""
    said = {name: _field(name, value, words) for name, value in params.items()}
    said |= {key[:-1]: text for key, text in words.items() if key.endswith("=") and key[:-1] not in params}
    order = list(dict.fromkeys(key.partition("=")[0] for key in words))
    return [
        said[name] for name in sorted(said, key=lambda n: order.index(n) if n in order else len(order)) if said[name]
    ]


def _field(name: str, value: Any, words: Mapping[str, str]) -> str:
    """Words for one value, for a pattern of values, for the field; else its name and value."""
    spelt = value if isinstance(value, str) else format_value(value)
    for key in (f"{name}={spelt}", f"{name}={value}"):
        if key in words:
            return words[key]
    for pattern, text in words.items():
        if "*" in pattern and fnmatchcase(f"{name}={spelt}", pattern):
            star = spelt[len(pattern.partition("=")[2].partition("*")[0]) :]
            return text.format(star.replace("_", " ").title())
    if name in words:
        return words[name].format(value if not isinstance(value, (list, tuple)) else spelt).replace("%", " %")
    return f"{name.replace('_', ' ')} {spelt}"
