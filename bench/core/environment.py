"""What a result was computed with; kept apart from the result itself."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from bench.core.errors import UsageError

PACKAGES = ("adaptbench", "torch", "torchvision", "timm", "kornia", "numpy", "pandas", "scikit-learn", "pillow", "peft")


@cache
def environment() -> dict[str, str]:
    """Versions and machine, as plain strings."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        **{name: found for name in PACKAGES if (found := _version(name))},
    }


@cache
def git_revision() -> str:
    """The revision of the checkout this package runs from, with "+" when files differ; empty outside a checkout."""
    place = Path(__file__).resolve().parent.parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=place, capture_output=True, text=True, timeout=10)
        changes = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=place, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return head.stdout.strip() + ("+" if changes.stdout.strip() else "") if head.returncode == 0 else ""


def choose_device(name: str | None) -> torch.device:
    """The device asked for, else CUDA when there is one, else the CPU.

    Raises:
        UsageError: There is no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0][:120]
        raise UsageError(f"No device {name!r} here ({reason}). Use --device cpu, or leave it out.") from None
    return device


def make_deterministic() -> None:
    """Ask for algorithms that give the same bits every time; an operation without one raises."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # what use_deterministic_algorithms(True) does for eager code, without its import of the whole compiler (seconds)
    torch.set_deterministic_debug_mode("error")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # precision=fp32 means it: convolutions would round to 10 bits


def peak_memory(device: torch.device) -> int:
    """Peak bytes: allocated on a CUDA device, resident set of the process on the CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor() or platform.machine()
