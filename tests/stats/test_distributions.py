"""Quantiles and tails are those of scipy.stats to the last bit, so that no committed number moved when it went."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from evalkit.stats.distributions import quantile, tail

SHARES = np.linspace(1e-6, 1 - 1e-6, 1001)
VALUES = np.linspace(-40, 40, 1001)


@pytest.mark.parametrize("freedom", [1, 2, 3.7, 9, 99, 1e6, np.inf])
def test_of_t(freedom: float) -> None:
    assert np.array_equal(quantile(SHARES, freedom), scipy.stats.t.ppf(SHARES, freedom))
    assert np.array_equal(tail(VALUES, freedom), scipy.stats.t.sf(VALUES, freedom))


def test_of_the_normal_distribution() -> None:
    assert np.array_equal(quantile(SHARES), scipy.stats.norm.ppf(SHARES))
    assert np.array_equal(tail(VALUES), scipy.stats.norm.sf(VALUES))
