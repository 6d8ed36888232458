"""What is known of two methods after they are compared."""

from __future__ import annotations

from dataclasses import dataclass

from bench.stats.budget import Budget, noise_budget
from bench.stats.crossed import FEWEST_SEEDS, Crossed
from bench.stats.mde import POWER

METHODS, MODELS = "methods", "models"


@dataclass(frozen=True)
class Comparison:
    """Two methods, their difference and what can be said of it.

    Attributes:
        names: The methods A and B.
        means: Their mean scores over the runs they share; each over its own where they share none.
        difference: The first mean less the second.
        low, high: Ends of the interval of the difference at level 1 - alpha, for this pair alone.
        p: Two-sided p-value of "equal", for this pair alone.
        adjusted: The same after Holm's adjustment over the group's pairs, with seed variances moderated over the group;
            equal to ``p`` for two methods alone.
        scope: ``methods``: holds for new items and new seeds. ``models``: for new items and these trained models.
        test: ``crossed t``, ``mid-p McNemar``, or ``paired t`` (units only).
        items, units, seeds: Test items, independent units among them, and shared runs; 1 run of two deterministic
            methods.
        unit_freedom, seed_freedom: Degrees of freedom of the two parts of the variance; the second is None in scope
            ``models``.
        variance: Variance of the difference.
        mde: True difference that is found with 80 % probability at alpha.
        mde_holm: The same at Holm's first level, alpha / pairs.
        different: Whether the pair was found different (adjusted p at most alpha).
        untestable: Whether no outcome on the units that differ could have been: not tied, but unknown.
        table: The analysis of variance behind ``adjusted``.
        level: Holm's first level, alpha / pairs, at which the pair would be found different in any company.
    """

    names: tuple[str, str]
    means: tuple[float, float]
    difference: float
    low: float
    high: float
    p: float
    adjusted: float
    scope: str
    test: str
    items: int
    units: int
    seeds: int
    unit_freedom: float
    seed_freedom: float | None
    variance: float
    mde: float
    mde_holm: float
    alpha: float
    different: bool
    untestable: bool
    table: Crossed
    level: float

    @property
    def verdict(self) -> str:
        """One of ``different``, ``untestable``, ``no significant difference``."""
        if self.different:
            return "different"
        return "untestable" if self.untestable else "no significant difference"

    def budget(self, target: float | None = None, power: float = POWER) -> Budget:
        """Seeds or units that would separate them, at `level`: see `noise_budget`."""
        deterministic = self.scope == METHODS and self.seeds < FEWEST_SEEDS
        return noise_budget(self.table, target, self.level, power, seeds_matter=not deterministic)
