"""The memory that one piece of work takes at its peak, not the process since it began."""

from __future__ import annotations

import mmap
import sys
import threading
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import torch

MemoryKind = Literal["device", "resident", "sampled", "process"]
_PROC = Path("/proc/self")
_EVERY = 0.01  # seconds between two samples
_TRIED = 2**25  # bytes


class MemoryMeter:
    """Measures the peak between entering and leaving; one at a time, since they share the system's counter.

    ``peak`` may also be asked inside, for the peak so far.

    Attributes:
        kind: What is measured: "device", bytes that torch allocated on a CUDA device; "resident", the peak resident set
            of the process (interpreter and libraries included), counted by the kernel from the beginning of the block;
            "sampled", the same from samples 10 ms apart, where the kernel's counter cannot be reset; "process", the
            process's peak since it began, where the system tells nothing else; 0 where it does not tell that either.
    """

    def __init__(self, device: torch.device) -> None:
        self._counter = _counter(device)
        self.kind: MemoryKind = self._counter.kind

    def __enter__(self) -> Self:
        self._counter.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._counter.stop()

    @property
    def peak(self) -> int:
        """Bytes, up to now or up to the end of the block."""
        return self._counter.peak()


class _Counter(Protocol):
    kind: MemoryKind

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def peak(self) -> int: ...


def _counter(device: torch.device) -> _Counter:
    if device.type == "cuda":
        return _Device(device)
    if _resets():
        return _Resident()
    return _Sampled() if (_PROC / "statm").exists() else _Process()


class _Kept:
    """A figure read when the block ends, and kept: what comes later is not its own."""

    def __init__(self) -> None:
        self.kept: int | None = None

    def start(self) -> None:
        self.kept = None

    def stop(self) -> None:
        self.kept = self.now()

    def peak(self) -> int:
        return self.now() if self.kept is None else self.kept

    def now(self) -> int:
        raise NotImplementedError


class _Device(_Kept):
    kind: MemoryKind = "device"

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device

    def start(self) -> None:
        super().start()
        torch.cuda.reset_peak_memory_stats(self.device)

    def now(self) -> int:
        return int(torch.cuda.max_memory_allocated(self.device))


class _Resident(_Kept):
    kind: MemoryKind = "resident"

    def start(self) -> None:
        super().start()
        _reset_high_water()

    def now(self) -> int:
        return _high_water()


class _Process(_Kept):
    kind: MemoryKind = "process"

    def now(self) -> int:
        return _process_peak()


class _Sampled:
    """A thread that looks every few milliseconds."""

    kind: MemoryKind = "sampled"

    def __init__(self) -> None:
        self.highest = 0
        self.ended = threading.Event()

    def start(self) -> None:
        self.highest, self.ended = _resident(), threading.Event()
        self.thread = threading.Thread(target=self._watch, args=(self.ended,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.ended.set()
        self.thread.join()

    def peak(self) -> int:
        if not self.ended.is_set():
            self.highest = max(self.highest, _resident())
        return self.highest

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(_EVERY):
            self.highest = max(self.highest, _resident())


@cache
def _resets() -> bool:
    """Whether the kernel's high-water mark can be set back here.

    Tried, not asked: a sandbox may forbid it, take the request and do nothing, or keep no such mark.
    """
    try:
        with mmap.mmap(-1, _TRIED) as memory:
            for start in range(0, _TRIED, mmap.PAGESIZE):
                memory[start] = 1
            before = _high_water()
        _reset_high_water()
        return _high_water() < before - _TRIED // 2
    except OSError:
        return False


def _reset_high_water() -> None:
    (_PROC / "clear_refs").write_text("5")  # 5: the peak resident set becomes the current one (proc(5))


def _high_water() -> int:
    """VmHWM in bytes; 0 where the kernel does not tell."""
    lines = (_PROC / "status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _resident() -> int:
    """The resident set now, in bytes."""
    return int((_PROC / "statm").read_text().split()[1]) * mmap.PAGESIZE


def resident_memory() -> int:
    """Bytes that the process holds now; its peak so far where the system does not tell, else 0."""
    return _resident() if (_PROC / "statm").exists() else _process_peak()


def _process_peak() -> int:
    try:
        import resource  # POSIX alone has it
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kibibytes
