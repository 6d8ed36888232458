"""How a run is carried out. Nothing here may change a result beyond rounding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Places and limits of one `bench run`.

    Attributes:
        results: Folder of records; checkpoints lie in its ``.checkpoints``.
        data: Data root, or None for ``BENCH_DATA`` or the user cache.
        weights: Weights folder, or None for ``BENCH_WEIGHTS`` or timm's hub.
        device: torch device name, or None for CUDA when there is one, else the CPU.
        partial: Accept data sets whose counts differ from what is expected; records then say so.
        fuse: Train cells that share a frozen backbone together.
        time_limit: Seconds a cell's training may take, or None; looked at after every epoch.
        checkpoint_every: Seconds of training between a learner's checkpoints: what a kill may cost, beside an epoch.
        executor: What carries out groups, as ``name[key=value,...]``.
        callbacks: Who watches, each as ``name[key=value,...]``; without a terminal, `print` does too unless quiet.
        quiet: No progress bar, no lines.
        val_only: Never open a test split: train, select and report on validation data alone.
        keep_features: Keep features of the training and test splits beside the predictions, before and after each
            trained stage.
        keep_weights: Keep each cell's model beside its record.
        debug: Print the traceback of a cell that fails.
        plugins: The user's plug-in folders, for processes elsewhere.
        threads: Torch threads of processes elsewhere, or None for what they find; results depend on it.
        variables: The ``BENCH_*`` variables that processes elsewhere run under; None leaves theirs as they are.
        cache_gb: Disk that kept features and views may take, in GB. Features too large to keep are computed on every
            use; training ones then in batches of another shape, which changes rounding.
    """

    results: Path = Path("runs")
    data: Path | None = None
    weights: Path | None = None
    device: str | None = None
    partial: bool = False
    fuse: bool = True
    time_limit: float | None = None
    checkpoint_every: float = 20.0
    executor: str = "inline"
    callbacks: tuple[str, ...] = ()
    quiet: bool = False
    val_only: bool = False
    keep_features: bool = False
    keep_weights: bool = False
    debug: bool = False
    plugins: tuple[Path, ...] = ()
    threads: int | None = None
    variables: dict[str, str] | None = None
    cache_gb: float = 20.0
