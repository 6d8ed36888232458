"""`bench new`: a plug-in file that works, to start from."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Literal

from bench.core.atomic import write_text
from bench.core.errors import UsageError
from bench.plugins import registry
from bench.plugins.syntax import PACKAGE

NEXT = {
    "baseline": "Check it: bench check {path}\nRun it:   bench run digits/pico/{name}/quick/seed=0 --plugins {folder}",
    "dataset": "Fill in its card and put your data where the file says, then\ncheck it: bench check {path} --data DIR\n"
    "run it:   bench run {name}/pico/knn/quick/seed=0 --plugins {folder} --data DIR",
}


def write(kind: Literal["baseline", "dataset"], name: str, folder: Path) -> str:
    """Write the file and say what to do next.

    Raises:
        UsageError: The name is no module name or is taken, or the file is there already or cannot be written.
        DiskFull: There is no room for it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot name a file to import: use small letters, digits and _, as in my_{kind}.")
    path = folder / f"{name}.py"
    if path.exists() or name in registry.catalog(registry.PLURALS[kind]):
        raise UsageError(f"There is a {kind} {name!r} already. Choose another name.")
    template = (PACKAGE / "cli" / "templates" / f"{kind}.py.txt").read_text(encoding="utf-8")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    write_text(path, template.replace("NAME", name).replace("CLASS", class_name))
    return f"Wrote {path}.\n" + NEXT[kind].format(path=path, name=name, folder=folder)
