"""Plug-in files read as syntax trees: what `bench list` and `bench show` tell, without importing them."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from bench.plugins.base_classes import lineage
from bench.plugins.syntax import PACKAGE, Located, assigned, class_variables, parse, public_classes

Kind = Literal[
    "datasets", "baselines", "suites", "backbones", "executors", "callbacks", "tasks", "augmentations", "recipes"
]
KINDS: tuple[Kind, ...] = (
    "datasets",
    "baselines",
    "suites",
    "backbones",
    "executors",
    "callbacks",
    "tasks",
    "augmentations",
    "recipes",
)

# The contract classes, by name and by the folder of the package that defines them.
ROOTS: dict[tuple[str, str], Kind] = {
    ("Dataset", "data"): "datasets",
    ("Method", "methods"): "baselines",
    ("FeatureMethod", "methods"): "baselines",
    ("BackboneFamily", "backbones"): "backbones",
    ("Executor", "executors"): "executors",
    ("Callback", "callbacks"): "callbacks",
    ("Tracker", "callbacks"): "callbacks",
    ("Task", "tasks"): "tasks",
    ("Augmentation", "data"): "augmentations",
    ("SampledTransform", "data"): "augmentations",
}
BASE_NAMES: dict[str, str] = {
    "datasets": "Dataset",
    "baselines": "Method or FeatureMethod",
    "backbones": "BackboneFamily",
    "executors": "Executor",
    "callbacks": "Callback",
    "tasks": "Task",
    "augmentations": "Augmentation",
}
SUITE_VARIABLES = {"_base_", "dataset", "methods"}
CARD = (
    "homepage", "licence", "citation", "task", "folder", "download", "families", "trivial_baseline", "metrics",
    "single_label", "vectors", "target", "tasks", "averages", "needs_volumes", "reads")  # fmt: skip


@dataclass(frozen=True)
class FieldText:
    """One parameter of a plug-in, as its source states it.

    Attributes:
        default: Source text of the default; None when the parameter must be given.
    """

    name: str
    annotation: str
    default: str | None
    description: str


@dataclass(frozen=True)
class Entry:
    """One plug-in file.

    Attributes:
        doc: First line of the plug-in class's docstring; for a suite, of the module's.
        text: The whole docstring.
        class_name: The plug-in class; empty for suites.
        card: Literal class variables worth showing (homepage, licence, ...).
        title: What it is called in tables and figures; without one of its own its name.
        words: What its fields are called there, those of ancestors included: see `bench.tables.titles`.
        protocols: Names of a data set's protocols; computed names keep their placeholder, ``leave_{domain}``.
        problem: Why the file cannot be used, or None.
    """

    name: str
    path: Path
    kind: Kind
    doc: str = ""
    text: str = ""
    class_name: str = ""
    fields: tuple[FieldText, ...] = ()
    card: tuple[tuple[str, str], ...] = ()
    title: str = ""
    words: tuple[tuple[str, str], ...] = ()
    protocols: tuple[str, ...] = ()
    problem: str | None = None


def scan(folder: Path, kind: Kind, certain: bool) -> Iterator[Entry]:
    """Yield the plug-ins of one kind among the files directly in a folder.

    Args:
        certain: The folder is for this kind only, so that a file without a plug-in is a mistake worth telling;
            otherwise such files are somebody's helpers and are passed over.
    """
    for path in sorted(folder.glob("*.toml" if kind == "recipes" else "*.py")):
        if not path.name.startswith("_") and path.is_file():  # a pipe of that name would wait for its writer
            entry = read(path, kind, certain)
            if entry is not None:
                yield entry


def read(path: Path, kind: Kind, certain: bool = True) -> Entry | None:
    """Read one file; None when it holds no plug-in of this kind and none was promised."""
    return _read(path, kind, certain, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _read(path: Path, kind: Kind, certain: bool, mtime_ns: int) -> Entry | None:
    if (path.suffix == ".toml") != (kind == "recipes"):
        return None
    if kind == "recipes":
        return _recipe(path, certain)
    try:
        tree = parse(path)
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        return Entry(path.stem, path, kind, problem=f"{path}:{line}: {type(error).__name__}: {error}")
    if kind == "suites":
        return _suite(path, tree) if certain or _is_suite(path, tree) else None
    found = [node for node in public_classes(tree) if kind_of(path, node) == kind]
    if len(found) == 1:
        return _plugin(path, kind, tree, found[0])
    if not found and not certain:
        return None
    names = ", ".join(node.name for node in found) or "none"
    problem = f"{path}: needs exactly one public subclass of {BASE_NAMES[kind]}, found {names}. Others begin with '_'."
    return Entry(path.stem, path, kind, problem=problem)


def guess_kind(path: Path) -> Kind | None:
    """What kind of plug-in a file holds, or None; a file that cannot be parsed passes for a data set."""
    return next((kind for kind in KINDS if read(path, kind, certain=False) is not None), None)


def kind_of(path: Path, node: ast.ClassDef) -> Kind | None:
    """The kind of plug-in a class is, by the contract class it descends from."""
    own, *ancestors = (_contract(file, ancestor) for file, ancestor in lineage(path, node))
    return None if own else next(filter(None, ancestors), None)  # the contract classes themselves are no plug-ins


def _contract(file: Path, node: ast.ClassDef) -> Kind | None:
    """The kind whose contract class this is."""
    return ROOTS.get((node.name, file.relative_to(PACKAGE).parts[0])) if file.is_relative_to(PACKAGE) else None


def _recipe(path: Path, certain: bool) -> Entry | None:
    """A TOML file with values; another, where recipes are not all there is, is somebody's own."""
    try:
        held = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        return Entry(path.stem, path, "recipes", problem=f"{path}: {error}") if certain else None
    if "values" not in held and not certain:
        return None
    about = str(held.get("about", ""))
    return Entry(path.stem, path, "recipes", doc=about, text=about, title=str(held.get("title", "")))


def _is_suite(path: Path, tree: ast.Module) -> bool:
    if any(kind_of(path, node) for node in public_classes(tree)):
        return False
    return bool(SUITE_VARIABLES & {name for node in tree.body for name, _ in assigned(node)})


def _suite(path: Path, tree: ast.Module) -> Entry:
    text = ast.get_docstring(tree) or ""
    return Entry(path.stem, path, "suites", doc=_first_line(text), text=text)


def _plugin(path: Path, kind: Kind, tree: ast.Module, node: ast.ClassDef) -> Entry:
    line = lineage(path, node)
    text = ast.get_docstring(node) or ast.get_docstring(tree) or ""
    return Entry(
        name=path.stem,
        path=path,
        kind=kind,
        doc=_first_line(text),
        text=text,
        class_name=node.name,
        fields=_fields(line),
        card=_card(line),
        title=_title(line),
        words=tuple(_words(line).items()),
        protocols=_protocols(line),
    )


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def _fields(line: list[Located]) -> tuple[FieldText, ...]:
    found: dict[str, FieldText] = {}
    for _, node in line:
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                annotation, name = ast.unparse(statement.annotation), statement.target.id
                if "ClassVar" not in annotation and not name.startswith("_"):
                    found.setdefault(name, _field(name, annotation, statement.value))
    return tuple(found.values())


def _field(name: str, annotation: str, value: ast.expr | None) -> FieldText:
    if not (isinstance(value, ast.Call) and ast.unparse(value.func).endswith("Field")):
        return FieldText(name, annotation, None if value is None else ast.unparse(value), "")
    options = {keyword.arg: keyword.value for keyword in value.keywords}
    default = value.args[0] if value.args else options.get("default", options.get("default_factory"))
    required = default is None or ast.unparse(default) == "..."
    described = options.get("description")
    description = str(described.value) if isinstance(described, ast.Constant) else ""
    return FieldText(name, annotation, None if required or default is None else ast.unparse(default), description)


def _card(line: list[Located]) -> tuple[tuple[str, str], ...]:
    values = class_variables(line)
    shown = []
    for name in CARD:
        if name in values:
            value = _default(values[name])
            text = str(value.value) if isinstance(value, ast.Constant) else ast.unparse(value)
            if text and text != "()":
                shown.append((name, text))
    return tuple(shown)


def _title(line: list[Located]) -> str:
    """Of the class itself: a title that is inherited is another's."""
    value = class_variables(line[:1]).get("title")
    return str(value.value) if isinstance(value, ast.Constant) else ""


def _words(line: list[Located]) -> dict[str, str]:
    """Those of all ancestors, a nearer class's before a farther one's."""
    found: dict[str, str] = {}
    for _, node in line:
        for statement in node.body:
            for name, value in assigned(statement):
                if name == "words" and isinstance(value, ast.Dict):
                    found |= {key: text for key, text in ast.literal_eval(value).items() if key not in found}
    return found


def _default(value: ast.expr) -> ast.expr:
    """A variable's value; where it is a field, its default."""
    if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("Field") and value.args:
        return value.args[0]
    return value


def _protocols(line: list[Located]) -> tuple[str, ...]:
    value = class_variables(line).get("protocols")
    if isinstance(value, ast.DictComp):
        return (_pattern(value.key),)
    return tuple(_keys(value)) if isinstance(value, ast.Dict) else ()


def _keys(node: ast.Dict) -> Iterator[str]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant):
            yield str(key.value)
        elif key is None and isinstance(value, ast.Dict):
            yield from _keys(value)
        elif key is None and isinstance(value, ast.DictComp):
            yield _pattern(value.key)


def _pattern(key: ast.expr) -> str:
    """``f"leave_{domain}"`` as ``leave_{domain}``."""
    if isinstance(key, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else _pattern(part) for part in key.values)
    return "{" + ast.unparse(key.value if isinstance(key, ast.FormattedValue) else key) + "}"
