"""Write what the commands of docs/own_images.md print into the page: ``python tools/make_own_images_docs.py``."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "own_images.md"
CONSOLE = re.compile(r"^```console\n\$ bench (.*?)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def main() -> None:
    """Make the photographs that the page speaks of, run its commands in order, and write what they print."""
    sys.path.insert(0, str(ROOT / "tests" / "helpers"))
    from photographs import photographs  # type: ignore[import-not-found]

    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        photographs(Path(folder) / "data" / "places", 40, 0)
        photographs(Path(folder) / "new", 4, 1, in_classes=False)
        os.chdir(folder)
        text = CONSOLE.sub(lambda block: f"```console\n$ bench {block[1]}\n{printed(block[1], folder)}```", text)
        os.chdir(ROOT)
    PAGE.write_text(text, encoding="utf-8")


def printed(command: str, folder: str) -> str:
    """What a command prints, with the folder it ran in left out."""
    from bench.cli.app import app

    result = CliRunner().invoke(app, shlex.split(command))
    if result.exit_code:
        raise SystemExit(f"bench {command} ended with {result.exit_code}: {result.output}")
    text = result.stdout.replace(os.path.realpath(folder), "...").replace(folder, "...")
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines()) + "\n"


if __name__ == "__main__":
    main()
