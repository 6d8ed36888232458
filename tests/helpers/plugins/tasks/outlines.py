"""A task of maps, for tests of the data layer: nothing here is ever trained."""

from __future__ import annotations

from bench.tasks.base import Metric, Task


class Outlines(Task):
    """One class a pixel; made for tests."""

    metrics = (Metric("iou"),)
    target = "map"
