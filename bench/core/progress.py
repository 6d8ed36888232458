"""What a person sees while cells run."""

from __future__ import annotations

import math
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Reporter:
    """A progress bar over epochs: cells done, images/s, the metric that selects, time gone and left.

    Silent when asked, or without a terminal.

    Args:
        cells: Cells that will run.
        epochs: Epochs of training that they need together.
        quiet: Show nothing.
        console: Where to show it; None: on standard error.
    """

    def __init__(self, cells: int, epochs: int, quiet: bool, console: Console | None = None) -> None:
        self.cells, self.done, self.images = cells, 0, 0
        self.console = console or Console(stderr=True)
        self.progress = Progress(
            TextColumn("[bold]{task.fields[cells]}"), BarColumn(), MofNCompleteColumn(), TextColumn("epochs"),
            TextColumn("{task.fields[rate]}"), TextColumn("elapsed"), TimeElapsedColumn(), TextColumn("left"),
            TimeRemainingColumn(), TextColumn("{task.fields[score]}"), TextColumn("{task.fields[what]}"),
            console=self.console, disable=quiet or not self.console.is_terminal,
        )  # fmt: skip
        self.bar = self.progress.add_task("", total=max(epochs, 1), cells=self._cells(), rate="", score="", what="")
        self.began = time.perf_counter()
        self.interrupted = False
        self.before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGINT, self._interrupt)
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-C. Where Python happens to be in a finaliser or a callback, it drops the exception: see `_stop`."""
        self.interrupted = True
        raise KeyboardInterrupt

    def _stop(self) -> None:
        """Stop now, if Ctrl-C was pressed and its exception was lost."""
        if self.interrupted:
            raise KeyboardInterrupt

    def working(self, what: str) -> None:
        """Say what is being done now."""
        self._stop()
        self.progress.update(self.bar, what=what[:60], score="")

    def epoch(self, images: int, epochs: int = 1) -> None:
        """Book epochs of one learner, or of several, over so many images together."""
        self._stop()
        self.images += images
        rate = self.images / max(time.perf_counter() - self.began, 1e-9)
        self.progress.update(self.bar, advance=epochs, rate=f"{rate:,.0f} images/s")

    def score(self, text: str) -> None:
        """Show how good the last epoch was."""
        self.progress.update(self.bar, score=text)

    @property
    def seconds_left(self) -> float:
        """Until the end, when the epochs to come take as long as those so far; NaN before the first."""
        (bar,) = self.progress.tasks
        per_epoch = (time.perf_counter() - self.began) / bar.completed if bar.completed else math.nan
        return per_epoch * max((bar.total or 0) - bar.completed, 0)

    def cell(self, name: str, problem: str = "") -> None:
        """Book one finished or failed cell; failures are printed at once."""
        self._stop()
        self.done += 1
        self.progress.update(self.bar, cells=self._cells())
        if problem:
            self.console.print(f"failed: {name}: {problem}", markup=False, highlight=False, soft_wrap=True)

    def _cells(self) -> str:
        return f"{self.done}/{self.cells} cells"
