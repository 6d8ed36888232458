"""Who watches a run. A callback sees numbers only, so that none can change a result.

A callback is a plug-in: one file with one public subclass of `Callback`, whose fields are its parameters
(``--callback tensorboard[folder=tb]``).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from bench.cells.notation import Spec
from bench.cells.params import Params
from bench.core import extras
from bench.core.visible import visible_lines
from bench.plugins import registry


@dataclass(frozen=True)
class RunEvent:
    """A run of cells in this process begins or ends.

    Attributes:
        cells: Canonical names of those that are carried out.
        results: The folder of records.
    """

    cells: tuple[str, ...]
    results: Path


@dataclass(frozen=True)
class Training:
    """One stage of one trial of a cell, after an epoch.

    Attributes:
        trial: What sets it apart, such as ``lr=0.001``; empty where a cell has one trial.
        stage: Its name; empty where a cell has one stage.
        before: Epochs of the cell's earlier stages.
        epoch: Finished epochs, those before an interruption included.
        metric: The metric that selects.
        best: Its best value so far; None where nothing was selected yet.
        curves: Name (``train_loss``, ``val_accuracy``, ...) -> one number for each finished epoch.
    """

    cell: str
    trial: str
    stage: str
    before: int
    epoch: int
    epochs: int
    metric: str
    best: float | None
    curves: dict[str, list[float]]

    @property
    def score(self) -> float:
        """The metric that selects, after the last epoch; NaN without a split to select on."""
        return self.curves[f"val_{self.metric}"][-1]


@dataclass(frozen=True)
class CellEvent:
    """A cell begins or ends.

    Attributes:
        cell: Canonical name.
        facts: What decides its result: parts of its name, and the fields of its method and recipe.
        trainings: At the end, all that finished, those of an earlier, interrupted run included.
        metrics: At the end, of the selected epoch: ``test_accuracy`` and the like, NaN where undefined.
        problem: At the end, why it failed, or nothing.
    """

    cell: str
    facts: dict[str, Any]
    trainings: tuple[Training, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class EpochEvent:
    """An epoch has ended, of one cell or of several that train together.

    Attributes:
        trainings: One for each cell and trial; a stage that cells share counts for each of them.
        seconds_left: Until the run's end, by what its epochs have taken so far.
    """

    trainings: tuple[Training, ...]
    seconds_left: float


class Callback(Params):
    """Base of all callbacks: every hook is empty by default.

    What a hook raises ends the callback and nothing else. After an interruption, a cell begins again and its first
    `EpochEvent` holds the curves of all finished epochs.
    """

    libraries: ClassVar[tuple[str, ...]] = ()  # that it needs, beyond what every installation has

    def on_run_begin(self, event: RunEvent) -> None:
        """Before the first cell."""

    def on_cell_begin(self, event: CellEvent) -> None:
        """Before a cell's first epoch; cells that train together begin together."""

    def on_epoch_end(self, event: EpochEvent) -> None:
        """After an epoch and its validation."""

    def on_cell_end(self, event: CellEvent) -> None:
        """Once a cell's record or failure is stored."""

    def on_run_end(self, event: RunEvent) -> None:
        """After the last cell, or when the run is stopped."""

    def absolute(self) -> Self:
        """The same with paths that mean the same in any folder."""
        paths = {name: value.absolute() for name, value in self if isinstance(value, Path)}
        return self.model_copy(update=paths)


class Callbacks:
    """The callbacks of a run; one that fails is left out from there on, with one warning."""

    def __init__(self, named: Iterable[tuple[str, Callback]] = ()) -> None:
        self._named = dict(named)

    def tell(self, event: RunEvent | CellEvent | EpochEvent, hook: str) -> None:
        """Call a hook of each."""
        for name, callback in list(self._named.items()):
            try:
                getattr(callback, hook)(event)
            except Exception as error:  # a tracker's server may be gone; no cell depends on it
                del self._named[name]
                logging.getLogger("bench").debug("callback %s", name, exc_info=True)
                why = visible_lines(f"{type(error).__name__}: {error}")
                print(f"bench: warning: callback {name} failed and is left out: {why}", file=sys.stderr, flush=True)


def callback_of(text: str) -> Callback:
    """The callback that ``name[key=value,...]`` names.

    Raises:
        UsageError: There is none of this name, a parameter is wrong, or its library is missing.
    """
    spec = Spec.parse(text)
    found: Callback = registry.load("callbacks", spec.name).build(spec.name, spec.params)
    for library in found.libraries:
        extras.check(library, f"The callback {spec.name}")
    return found


def absolute(text: str) -> str:
    """A callback's name with paths that mean the same in any folder."""
    return str(Spec(Spec.parse(text).name, callback_of(text).absolute().changed()))


def callbacks_of(texts: Iterable[str]) -> Callbacks:
    """The callbacks that texts name, each once."""
    return Callbacks((text, callback_of(text)) for text in dict.fromkeys(texts))
