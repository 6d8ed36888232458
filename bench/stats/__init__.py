"""Statistics on stored results. Imports neither torch nor timm."""

from bench.stats.intervals import Interval, accuracy_interval, seed_interval

__all__ = ["Interval", "accuracy_interval", "seed_interval"]
