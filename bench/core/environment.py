"""What a result was computed with; kept apart from the result itself."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import torch.utils.deterministic

from bench.core.errors import UsageError

PACKAGES = (
    "adaptbench", "torch", "torchvision", "timm", "numpy", "pandas", "scikit-learn", "pillow", "peft", "torchio",
    "SimpleITK", "nibabel",
)  # fmt: skip


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


@contextmanager
def determinism() -> Iterator[None]:
    """Inside, algorithms give the same bits every time, and an operation without such an algorithm raises.

    Afterwards every setting is as it was: a notebook goes on as its author left it.
    """
    with ExitStack() as restored:
        restored.callback(_restore_variable, _CUBLAS, os.environ.get(_CUBLAS))
        os.environ.setdefault(_CUBLAS, ":4096:8")
        restored.callback(torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode())
        restored.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        for owner, name, value in _SETTINGS:
            restored.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        # what use_deterministic_algorithms(True) does for eager code, without importing the whole compiler (seconds)
        torch.set_deterministic_debug_mode("error")
        torch.set_float32_matmul_precision("highest")
        yield


_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_SETTINGS: tuple[tuple[Any, str, bool], ...] = (
    (torch.backends.cudnn, "benchmark", False),
    (torch.backends.cudnn, "deterministic", True),
    (torch.backends.cudnn, "allow_tf32", False),  # precision=fp32 means it: convolutions would round to 10 bits
    # nothing here reads memory that it has not written; filling a batch of images first takes 14 ms
    (torch.utils.deterministic, "fill_uninitialized_memory", False),
)


def _restore_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


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
