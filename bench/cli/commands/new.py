"""`bench new`: a plug-in file that works, to start from."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Literal

from bench.core.atomic import write_text
from bench.core.commands import command
from bench.core.errors import UsageError, nearest
from bench.plugins import registry
from bench.plugins.syntax import PACKAGE

TEMPLATES = PACKAGE / "cli" / "templates"


def write(kind: Literal["baseline", "dataset", "callback", "recipe"], name: str, folder: Path, task: str = "") -> str:
    """Write the file and say what to do next.

    Args:
        task: Of a data set, where not classes of images.

    Raises:
        UsageError: The name is no module name or is taken, there is no template for the task, or the file is there
            already or cannot be written.
        DiskFull: There is no room for it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot name a file to import: use small letters, digits and _, as in my_{kind}.")
    suffix = "toml" if kind == "recipe" else "py"
    path = folder / f"{name}.{suffix}"
    if path.exists() or name in registry.catalog(registry.PLURALS[kind]):
        raise UsageError(f"There is a {kind} {name!r} already. Choose another name.")
    template = _template(kind, task, suffix).read_text(encoding="utf-8")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    write_text(path, template.replace("NAME", name).replace("CLASS", class_name))
    return "\n".join([f"Wrote {path}.", *_next(kind, name, path, folder, task)])


def _template(kind: str, task: str, suffix: str) -> Path:
    """The template of a kind, of data sets for a task."""
    plain = TEMPLATES / f"{kind}.{suffix}.txt"
    if not task or f'task = "{task}"' in plain.read_text(encoding="utf-8"):
        return plain
    known = {file.name.removeprefix(f"{kind}_").partition(".")[0]: file for file in TEMPLATES.glob(f"{kind}_*")}
    if task not in known:
        raise UsageError(f"There is no template for the task {task!r}. {nearest(task, known)}")
    return known[task]


def _next(kind: str, name: str, path: Path, folder: Path, task: str) -> list[str]:
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
    images = _template(kind, task, "py") == _template(kind, "", "py")
    cell = f"{name}/pico/knn/quick/seed=0" if images else f"{name}/pico/linear_probe/quick/seed=0"
    run = command("run", cell, data=root, plugins=[folder])
    return [
        "Fill in its card and put your data where the file says.",
        f"Check it: {command('check', path, data=root)}",
        f"Run it:   {run}",
    ]
