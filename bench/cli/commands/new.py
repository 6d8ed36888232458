"""`bench new`: a plug-in file that works, to start from."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Literal

from bench.core.atomic import write_text
from bench.core.commands import command
from bench.core.errors import UsageError
from bench.plugins import registry
from bench.plugins.syntax import PACKAGE


def write(kind: Literal["baseline", "dataset", "callback", "recipe"], name: str, folder: Path) -> str:
    """Write the file and say what to do next.

    Raises:
        UsageError: The name is no module name or is taken, or the file is there already or cannot be written.
        DiskFull: There is no room for it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot name a file to import: use small letters, digits and _, as in my_{kind}.")
    suffix = "toml" if kind == "recipe" else "py"
    path = folder / f"{name}.{suffix}"
    if path.exists() or name in registry.catalog(registry.PLURALS[kind]):
        raise UsageError(f"There is a {kind} {name!r} already. Choose another name.")
    template = (PACKAGE / "cli" / "templates" / f"{kind}.{suffix}.txt").read_text(encoding="utf-8")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    write_text(path, template.replace("NAME", name).replace("CLASS", class_name))
    return "\n".join([f"Wrote {path}.", *_next(kind, name, path, folder)])


def _next(kind: str, name: str, path: Path, folder: Path) -> list[str]:
    """What to do with it: commands that can be pasted, for data sets once DIR names the data root."""
    if kind == "recipe":
        shown, run = command("show", name, plugins=[folder]), f"digits/pico/linear_probe/{name}/seed=0"
        return [f"Show it: {shown}", f"Run it:  {command('run', run, plugins=[folder])}"]
    if kind == "callback":
        return [f"Run it: {command('run', 'quick', '--callback', name, plugins=[folder])}"]
    if kind == "baseline":
        run = command("run", f"digits/pico/{name}/quick/seed=0", plugins=[folder])
        return [f"Check it: {command('check', path)}", f"Run it:   {run}"]
    root = Path("DIR")
    run = command("run", f"{name}/pico/knn/quick/seed=0", data=root, plugins=[folder])
    return [
        "Fill in its card and put your data where the file says.",
        f"Check it: {command('check', path, data=root)}",
        f"Run it:   {run}",
    ]
