"""Errors a user meets: each message is one or two lines and says the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """An expected problem; the command line prints its message and exits with code 2.

    Attributes:
        trace: Traceback of the unexpected exception that it stands for, which ``--debug`` prints; else empty.
    """

    kind = "error"
    trace = ""


class UsageError(BenchError):
    """The request itself is wrong: an unknown name, a bad value, a folder that cannot be written."""

    kind = "usage"


class DataError(BenchError):
    """A data set is missing, incomplete or corrupt; the message names the file."""

    kind = "data_error"


class MissingData(DataError):
    """Data are not there at all; the message says where to get them."""


class NonFiniteLoss(BenchError):
    """Training reached a loss that is not a finite number."""

    kind = "non_finite_loss"


class TimeLimit(BenchError):
    """A cell ran longer than ``--time-limit`` allows."""

    kind = "time_limit"


class WorkerLost(BenchError):
    """Every process elsewhere that was given a cell died before it came to its end."""

    kind = "worker_lost"


_COMPARED = 100  # characters; the time to compare grows with their square
# What other programs call something -> what it is called here.
_ELSEWHERE = {
    **dict.fromkeys(("learning_rate", "base_lr", "lr0", "eta"), "lr"),
    **dict.fromkeys(("num_epochs", "n_epochs", "max_epochs", "epoch", "iterations"), "epochs"),
    **dict.fromkeys(("bs", "batchsize", "train_batch_size", "per_device_train_batch_size"), "batch_size"),
    **dict.fromkeys(("wd", "decay", "l2"), "weight_decay"),
    **dict.fromkeys(("optim", "opt"), "optimizer"),
    **dict.fromkeys(("scheduler", "lr_scheduler", "sched"), "schedule"),
    **dict.fromkeys(("warmup", "num_warmup_epochs"), "warmup_epochs"),
    **dict.fromkeys(("augmentation", "augmentations", "aug", "transforms"), "augment"),
    **dict.fromkeys(("img_size", "imgsz", "input_size", "resolution"), "image_size"),
    **dict.fromkeys(("model", "arch", "architecture", "network", "encoder"), "backbone"),
    **dict.fromkeys(("data", "data_set"), "dataset"),
    **dict.fromkeys(("baseline", "adapter", "algorithm"), "method"),
    **dict.fromkeys(("random_state", "random_seed", "manual_seed"), "seed"),
    **dict.fromkeys(("acc", "top1", "top_1"), "accuracy"),
}


def guess(name: str, known: Iterable[str]) -> str:
    """Return a hint such as ``Did you mean 'pacs'?``, empty where no known name is near.

    Args:
        name: What the user wrote.
        known: The names that would have been accepted.
    """
    known = sorted(known)
    meant = _ELSEWHERE.get(name.lower().replace("-", "_"))
    close = [meant] if meant in known else difflib.get_close_matches(name[:_COMPARED], known, n=3, cutoff=0.5)
    return "Did you mean " + " or ".join(repr(c) for c in close) + "?" if close else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `guess`, or the known names when none is near."""
    known = sorted(known)
    if close := guess(name, known):
        return close
    if not known:
        return "None are known here."
    return "Known: " + ", ".join(known[:30]) + (", ..." if len(known) > 30 else ".")
