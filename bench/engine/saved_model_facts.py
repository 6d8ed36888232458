"""What a file of kept weights says of itself, and whether it belongs to a record; light, since planning asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.backbones.local import metadata
from bench.core.errors import UsageError
from bench.records import Record
from bench.records.files import weights_beside

KEY = "adaptbench"  # of the metadata


class Facts(BaseModel):
    """Everything that a model needs beside its tensors.

    Attributes:
        cell: Canonical name: data set, backbone, method and recipe with every field.
        predictions: Digest of the predictions of the record that these weights belong to.
        weights: Digest of the backbone's pre-trained weights.
        source: Fingerprint of the method's source.
        classes: Outputs, C.
        cached: Shape of one training input as cached.
        by_adapter: Whether the data set's samples were files, which its adapter decodes.
        chosen: Fields of the method that a search chose.
        constants: What the task learned of the training samples, as `Task.constants` gives it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    cell: str
    predictions: str
    weights: str
    source: str
    classes: int
    class_names: tuple[str, ...]
    cached: tuple[int, ...]
    by_adapter: bool
    constants: dict[str, float] = {}
    chosen: dict[str, Any] = {}


def read_facts(path: Path) -> Facts:
    """What a file of kept weights says of itself.

    Raises:
        UsageError: It is no file of kept weights.
    """
    if not path.is_file():
        raise UsageError(f"There are no kept weights at {path}. Run the cell with --keep-weights.")
    text = metadata(path).get(KEY)
    if text is None:
        raise UsageError(f"{path} holds no kept weights of a cell. Run the cell with --keep-weights.")
    try:
        return Facts.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(f"{path}: its metadata are damaged ({problem['loc']}: {problem['msg']}).") from None


def are_kept(file: Path, record: Record) -> bool:
    """Whether the weights of this very record lie beside its file."""
    path = weights_beside(file)
    try:
        return path.is_file() and read_facts(path).predictions == record.predictions
    except UsageError:  # another file has its name: it is written anew
        return False
