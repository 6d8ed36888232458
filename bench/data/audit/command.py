"""The command that audits a data set as it was named."""

from __future__ import annotations

from pathlib import Path

from bench.cells.notation import Spec
from bench.core.commands import command
from bench.data.base import Dataset


def audit_command(dataset: Dataset, root: Path | None = None) -> str:
    """``bench data audit`` for a data set with its fields; records, which others read, name no folder."""
    return command("data", "audit", Spec(dataset.plugin_name(), dataset.changed()), data=root)
