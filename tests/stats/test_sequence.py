"""The confidence sequence: where its arithmetic is off, a gate that stops early raises alarms at chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.intervals import clustered_mean
from evalkit.stats.sequence import LEAST, confidence_sequence, tuned_rho


def half_width(t: int, rho: float, alpha: float = 0.05) -> float:
    """The formula as it stands in the paper, for a spread of 1."""
    x = t * rho**2
    return math.sqrt(2 * (x + 1) / (t**2 * rho**2) * math.log(math.sqrt(x + 1) / alpha))


@pytest.mark.parametrize("planned", [1, 64, 1000, 10**6])
def test_rho_makes_it_narrowest_where_it_is_planned(planned: int) -> None:
    """Against a numerical search, which knows nothing of Lambert's function."""
    found = scipy.optimize.minimize_scalar(
        lambda log_rho: half_width(planned, math.exp(log_rho)), bounds=(-12, 4), method="bounded"
    )
    assert tuned_rho(planned) == pytest.approx(math.exp(found.x), rel=1e-3)


def test_it_is_the_papers_formula_with_the_spread_so_far() -> None:
    """At a thousand units nothing is left of the widening for few."""
    values = np.random.default_rng(0).normal(2, 3, 1000)
    found = confidence_sequence(values.tolist(), [str(place) for place in range(1000)], 1000)
    expected = values.std(ddof=1) * half_width(1000, tuned_rho(250))
    assert found.mean[-1] == pytest.approx(values.mean())
    assert (found.high[-1] - found.low[-1]) / 2 == pytest.approx(expected, rel=0.01)
    assert found.high[LEAST - 1] - found.mean[LEAST - 1] > values[:LEAST].std(ddof=1) * half_width(20, tuned_rho(250))


def test_no_look_before_the_spread_is_known() -> None:
    values = np.random.default_rng(0).normal(5, 1, 60)
    found = confidence_sequence(values.tolist(), [str(place) for place in range(60)], 60)
    assert np.isinf(found.low[: LEAST - 1]).all()
    assert np.isfinite(found.low[LEAST - 1 :]).all()


@pytest.mark.parametrize("value", [0.0, 0.25, 1e6])
def test_differences_that_are_all_the_same_have_no_interval(value: float) -> None:
    """No spread to tell an error from is not to have none: any constant would be a certain finding."""
    found = confidence_sequence([value] * 60, [str(place) for place in range(60)], 60)
    assert np.isinf(found.high).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(25, 60), st.integers(1, 5), st.floats(-1e6, 1e6))
def test_its_error_is_that_of_the_clustered_mean(seed: int, sources: int, most: int, level: float) -> None:
    """With sources of any size, whose prompts move together, and far from 0."""
    rng = np.random.default_rng(seed)
    units = [f"s{source}" for source in range(sources) for _ in range(rng.integers(1, most + 1))]
    shared = dict(zip(dict.fromkeys(units), rng.standard_normal(sources), strict=True))
    values = [shared[unit] + 0.3 * rng.standard_normal() + level for unit in units]
    found, plain = confidence_sequence(values, units, sources), clustered_mean(values, units)
    assert plain is not None
    wider = confidence_sequence(
        [1.0, -1.0] * (sources // 2) + [0.0] * (sources % 2), list(map(str, range(sources))), sources
    )
    spread = math.sqrt((sources - sources % 2) / (sources - 1)) / math.sqrt(sources)
    ratio = (wider.high[-1] - wider.mean[-1]) / spread
    assert found.counts[-1] == len(values)
    assert found.mean[-1] == pytest.approx(np.mean(values), abs=1e-6)
    assert found.high[-1] - found.mean[-1] == pytest.approx(ratio * plain.se, rel=1e-4)


@pytest.mark.parametrize(("values", "units"), [([], []), ([1.0], []), ([math.nan], ["a"])])
def test_what_cannot_be_looked_at_is_refused(values: list[float], units: list[str]) -> None:
    with pytest.raises(ValueError, match=r"values|NaN"):
        confidence_sequence(values, units, 1)
