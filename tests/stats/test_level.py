"""Why two quantiles: the level of the crossed test with few seeds, against Satterthwaite's single quantile."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.stats.quantiles import half_width

DRAWS, UNITS = 100_000, 277


def rejections(share: float, seeds: int, alpha: float) -> tuple[float, float]:
    """Rates of rejecting a true null, ours and Satterthwaite's, when seeds make this share of the variance."""
    rng = np.random.default_rng(1)
    units = (1 - share) * rng.chisquare(UNITS, DRAWS) / UNITS
    between = share * rng.chisquare(seeds - 1, DRAWS) / (seeds - 1)
    mean, total = np.abs(rng.standard_normal(DRAWS)), units + between
    freedom = total**2 / (units**2 / UNITS + between**2 / (seeds - 1))
    satterthwaite = stats.t.ppf(1 - alpha / 2, freedom) * np.sqrt(total)
    ours = half_width((units, between), (UNITS, seeds - 1), 1 - alpha)
    return float((mean > ours).mean()), float((mean > satterthwaite).mean())


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 28])
def test_the_level_holds_whatever_the_seeds_share(share: float, seeds: int, alpha: float) -> None:
    allowed = alpha + 4 * np.sqrt(alpha * (1 - alpha) / DRAWS)
    assert rejections(share, seeds, alpha)[0] <= allowed


def test_one_quantile_does_not_hold_it() -> None:
    assert rejections(0.9, 3, 0.05)[1] > 0.07
    assert rejections(0.9, 3, 0.05 / 28)[1] > 5 * 0.05 / 28
