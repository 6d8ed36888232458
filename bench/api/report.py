"""`bench.report`: a results folder as web pages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.places import Place, Results, opened, path

if TYPE_CHECKING:
    from bench.pages.build import Written


def report(
    results: Results = "runs", *, out: Place = "report", data: Place | None = None, plugins: Iterable[Place] = ()
) -> Written:
    """Write records as web pages: one folder that opens from the disk, without server or network.

    Args:
        results: Folder of the records.
        out: Folder of the pages.
        data: The data root, for example images.
        plugins: Further folders of plug-ins.

    Raises:
        UsageError: There are no records, or the folder is one of something else.
    """
    from bench.data.audit.examples import examples, look_alikes
    from bench.data.roots import data_root
    from bench.pages.build import build

    with opened(results, plugins) as store:
        root = data_root(path(data))
        return build(
            store,
            Path(out),
            lambda record, folder: examples(record, root, folder),
            lambda record, folder, audit: look_alikes(record, root, folder, audit),
        )
