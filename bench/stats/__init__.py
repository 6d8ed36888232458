"""Statistics on scores: rows, pairs, groups, mdes. numpy and scipy only; imports neither torch nor timm."""

from bench.stats.budget import Budget, noise_budget
from bench.stats.comparison import Comparison
from bench.stats.comparison_group import ComparisonGroup, compare_all
from bench.stats.crossed import Crossed, crossed
from bench.stats.crossover import Crossover, crossovers
from bench.stats.errors import StatisticsError
from bench.stats.folds import Folds, over_folds
from bench.stats.holm import holm
from bench.stats.letters import letters, rank_ranges
from bench.stats.mcnemar import midp
from bench.stats.mde import minimum_detectable_effect, planning_mde
from bench.stats.pairs import compare
from bench.stats.pseudo import auc, balanced_accuracy, jackknife, macro_auc, macro_f1
from bench.stats.rows import Row, interval, intervals, of_seeds
from bench.stats.signs import Across, across_datasets, sign_flips, signed_ranks, smallest_sample
from bench.stats.superiority import Superiority, superiority

__all__ = [
    "Across",
    "Budget",
    "Comparison",
    "ComparisonGroup",
    "Crossed",
    "Crossover",
    "Folds",
    "Row",
    "StatisticsError",
    "Superiority",
    "across_datasets",
    "auc",
    "balanced_accuracy",
    "compare",
    "compare_all",
    "crossed",
    "crossovers",
    "holm",
    "interval",
    "intervals",
    "jackknife",
    "letters",
    "macro_auc",
    "macro_f1",
    "midp",
    "minimum_detectable_effect",
    "noise_budget",
    "of_seeds",
    "over_folds",
    "planning_mde",
    "rank_ranges",
    "sign_flips",
    "signed_ranks",
    "smallest_sample",
    "superiority",
]
