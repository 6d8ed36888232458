"""Seed variances of a comparison group, moderated: what few seeds say of one method, drawn towards all methods' mean.

With three seeds Student's quantile is 24 at Holm's level for 28 pairs, so that a method's own seed variance can
separate next to nothing. Methods of one group tell how much such variances differ (Smyth, "Linear models and empirical
Bayes methods", 2004, section 6.2): with d0 degrees of freedom of prior knowledge a variance is
``(d0 mean + d own) / (d0 + d)``, with d0 + d degrees of freedom. Few methods tell d0 badly, so that it is taken low:
from the spread of the variances' logarithms enlarged by 1.5 of its standard errors. Below five methods nothing is
moderated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import polygamma, psi

Array = np.ndarray[Any, np.dtype[Any]]
FEWEST, CAUTION = 5, 1.5
ROUNDS = 30  # of Newton's iteration, which needs about five


def moderated(own: Array, freedom: Array) -> tuple[Array, Array]:
    """Moderated variances and their degrees of freedom.

    Args:
        own: (..., m) estimates of the methods' seed variances, above zero.
        freedom: (..., m) or (m,) their degrees of freedom, at least 1.
    """
    if own.shape[-1] < FEWEST:
        return own, np.broadcast_to(np.asarray(freedom, float), own.shape)
    prior = _prior_freedom(own, np.asarray(freedom, float))[..., None]
    mean = own.mean(-1, keepdims=True)
    return (prior * mean + freedom * own) / (prior + freedom), np.broadcast_to(prior + freedom, own.shape)


def _prior_freedom(own: Array, freedom: Array) -> Array:
    """d0 (...), from the variance of log own, which is trigamma(d / 2) + trigamma(d0 / 2)."""
    number = own.shape[-1]
    logs = np.log(own) - psi(freedom / 2) + np.log(freedom / 2)
    expected, fourth = (np.broadcast_to(polygamma(n, freedom / 2), own.shape).mean(-1) for n in (1, 3))
    excess = np.maximum(logs.var(-1, ddof=1) - expected, 0)
    return 2 * _inverse_trigamma(excess + CAUTION * np.sqrt(fourth / number + 2 * expected**2 / (number - 1)))


def _inverse_trigamma(value: Array) -> Array:
    """Newton's iteration of Smyth's appendix, which rises to the root from the left."""
    found = 0.5 + 1 / value
    for _ in range(ROUNDS):
        trigamma = polygamma(1, found)
        found = found + trigamma * (1 - trigamma / value) / polygamma(2, found)
    return np.asarray(found)
