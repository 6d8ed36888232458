"""Records as a table for notebooks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cells.cell import parsed
from bench.cells.notation import Spec
from bench.core.commands import command
from bench.core.errors import UsageError
from bench.records.schema import Record
from bench.records.store import Store

if TYPE_CHECKING:
    import pandas as pd


def load_records(path: Path | str) -> pd.DataFrame:
    """Read a results folder: one row a record, failures included (``status``, ``error_kind``).

    Columns: ``cell``; ``dataset`` (without its protocol), ``protocol``, ``backbone``, ``method``, ``recipe`` as in the
    cell's name; ``seed``, ``data_seed``; ``test_accuracy``, ``val_nll``, ... of the last stage (NaN: undefined);
    ``n_test``, ...; ``trainable``, ``added``, ``total`` parameters; the flags; ``seconds``, ``device``; and every
    field, default or not, as ``method.k``. A file that is no record is left out with a warning that names it.

    Raises:
        UsageError: The folder is not there.
    """
    import pandas as pd

    if not Path(path).is_dir():
        first = command("run", "quick", results=Path(path))
        raise UsageError(f"There is no results folder {path}. Run `{first}` first, or name another folder.")
    store = Store(Path(path))
    rows = [row(record) for record in store.readable()]
    store.warn()
    return pd.DataFrame(rows)


def row(record: Record) -> dict[str, Any]:
    """A record as one flat row."""
    cell = parsed(record.cell)
    flat: dict[str, Any] = {
        "cell": record.cell,
        "dataset": str(without_protocol(cell.dataset)),
        "protocol": record.protocol,
        "backbone": str(cell.backbone),
        "method": str(cell.method),
        "recipe": str(cell.recipe),
        "seed": record.seed,
        "data_seed": record.data_seed,
        "status": record.status,
        "error_kind": record.error.kind if record.error else None,
    }
    for split, metrics in record.metrics.items():
        flat |= {f"{split}_{name}": math.nan if value is None else value for name, value in metrics.items()}
    flat |= {f"n_{split}": count for split, count in record.n.items()}
    flat |= record.parameters.model_dump()
    flat |= record.flags.model_dump(exclude={"differences", "absent_classes", "notes", "assumed"})
    flat |= {"seconds": record.hardware.seconds, "device": record.hardware.device}
    for kind in ("dataset", "backbone", "method", "recipe"):
        flat |= {f"{kind}.{name}": value for name, value in getattr(record, kind).params.items()}
    return flat


def without_protocol(dataset: Spec) -> Spec:
    """The data set as written in a cell's name, less its protocol, which has a column of its own."""
    return Spec(dataset.name, {key: value for key, value in dataset.params.items() if key != "protocol"})
