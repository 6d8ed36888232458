"""The pages of the site that are made when it is built: the front page from README, the commands, the Python functions.

A hook of MkDocs (``hooks`` in mkdocs.yml): ``tox -e docs`` builds the site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer.main
from typer.testing import CliRunner

import bench
from bench.cli.app import app

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = (
    "bench.methods.base.Method",
    "bench.methods.base.FeatureMethod",
    "bench.data.base.Dataset",
    "bench.tasks.base.Task",
    "bench.backbones.family.BackboneFamily",
    "bench.callbacks.base.Callback",
    "bench.executors.base.Executor",
    "bench.data.augment.base.Augmentation",
)
ERRORS = "bench.core.errors"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made to those that lie in ``docs``."""
    from mkdocs.structure.files import File

    pages = {"index.md": front_page(), "commands.md": commands(), "api.md": functions()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for picture in sorted((ROOT / "results" / "figures").glob("*.png")):
        if picture.name in pages["index.md"]:
            files.append(File.generated(config, picture.name, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links out of ``docs`` name files of the repository, which the site does not hold: their text stays."""
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]+\)", r"\1", markdown)


def front_page() -> str:
    """README, with links as they are from within ``docs``."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\(docs/", "](", text)
    text = re.sub(r"\]\(results/figures/([\w.]+)\)", r"](\1)", text)
    return re.sub(
        r"(?<!!)\[([^\]]+)\]\((?:results/README|CONTRIBUTING|CHANGELOG)\.md\)|\[([^\]]+)\]\(LICENSE\)", r"\1\2", text
    )


def functions() -> str:
    """The functions of ``bench``, what they raise, and the classes that plug-ins are made from."""
    names = sorted(name for name in dir(bench) if name in bench._DOOR)
    places = [f"{bench._DOOR[name]}.{name}" for name in names]
    lines = ["# Python functions", "", "`import bench` gives each of these.", ""]
    lines += [f"::: {place}\n    options:\n      heading_level: 2\n" for place in places]
    lines += ["## Errors", "", f"::: {ERRORS}\n    options:\n      heading_level: 3\n      show_root_heading: false\n"]
    lines += ["## What plug-ins are made from", ""]
    lines += [f"::: {place}\n    options:\n      heading_level: 3\n" for place in CONTRACTS]
    return "\n".join(lines)


def commands() -> str:
    """Every command with its help, as ``--help`` prints it at 100 columns."""
    parts = ["# Commands", "", "What `--help` prints. `bench` and `adaptbench` are the same program.", ""]
    for path in _paths(typer.main.get_command(app)):
        told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "100", "TERM": "dumb"}).output
        parts += [f"## bench {' '.join(path)}", "", "```", told.strip(), "```", ""]
    return "\n".join(parts)


def _paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words that name each command that is shown, of a group's commands each."""
    for name, one in sorted(getattr(command, "commands", {}).items()):
        yield from _paths(one, (*path, name))
    if path and not hasattr(command, "commands") and not command.hidden:
        yield path
