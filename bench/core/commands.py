"""Commands that messages offer: whole, quoted for a shell, with the folders that were named; they run as pasted."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

RUNS = Path("runs")  # the results folder that needs no naming


def command(
    *words: object,
    results: Path | None = None,
    data: Path | None = None,
    weights: Path | None = None,
    plugins: Iterable[Path] = (),
) -> str:
    """A command line of `bench`, such as ``bench run quick --results other``.

    Args:
        words: The command and its arguments, not quoted.
        results, data, weights: Folders as they were given; None, and the usual results folder, are not named.
        plugins: Folders of plug-ins.
    """
    named = {"--results": None if results == RUNS else results, "--data": data, "--weights": weights}
    options = [word for option, folder in named.items() if folder is not None for word in (option, folder)]
    options += [word for folder in plugins for word in ("--plugins", folder)]
    return shlex.join(["bench", *map(str, [*words, *options])])
