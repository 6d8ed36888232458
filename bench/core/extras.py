"""Libraries that not everybody needs: which extra of this package brings one, and what to say where it is missing."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec

from bench.core.errors import UsageError

EXTRAS = {
    "av": "video",
    "datasets": "hf",
    "faster_coco_eval": "dense",
    "mlflow": "mlflow",
    "open_clip": "vlm",
    "openpyxl": "excel",
    "optuna": "optuna",
    "ray": "ray",
    "segmentation_models_pytorch": "dense",
    "submitit": "slurm",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
}  # import name -> extra


def check(library: str, who: str) -> None:
    """Say how to install a library that is needed and not there; nothing is imported.

    Args:
        library: Its import name.
        who: What needs it, as the message's first words.

    Raises:
        UsageError: It is not installed.
    """
    if find_spec(library) is None:
        raise UsageError(f"{who} needs the library {library}, which is not installed here: {command(library)}")


def command(library: str) -> str:
    """The command that installs a library into the environment of this process, as a person would paste it."""
    extra = EXTRAS.get(library)
    wanted = f"'adaptbench[{extra}]'" if extra else library
    return f"{shlex.quote(sys.executable)} -m pip install {wanted}"
