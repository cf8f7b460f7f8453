"""What the metrics of a whole set say of the reference that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.metrics import coverage_openl3, density_openl3, kad_openl3
from evalkit.metrics.base import Metric, MetricInputs
from evalkit.metrics.results import mean_result, set_result
from evalkit.suites.references import set_from_features

METRICS = (density_openl3.METRIC, coverage_openl3.METRIC, kad_openl3.METRIC)


def features(seed: int, clips: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).standard_normal((clips, 3, 16)).astype(np.float32))


def inputs(reference: list[np.ndarray]) -> MetricInputs:
    ids = [str(place) for place in range(20)]
    return MetricInputs(ids, ids, features(1, 20), set_reference=set_from_features(reference))


@pytest.mark.parametrize("metric", METRICS, ids=lambda each: each.card.name)
def test_a_reference_of_copies_is_warned_of(metric: Metric) -> None:
    """Six captions of a recording at six levels: their balls hold nothing but each other."""
    reference = features(2, 20)
    assert not any("copy" in warning for warning in metric.compute(inputs(reference)).warnings)
    copies = [each + np.float32(1e-3 * place) for each in reference for place in range(6)]
    (warning,) = (each for each in metric.compute(inputs(copies)).warnings if "copy" in each)
    assert warning.startswith("120 of 120 reference clips")


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_values_without_spread_have_no_interval_and_say_so(value: float) -> None:
    """An interval of no width would say that the next hundred clips are as these are."""
    ids = [str(place) for place in range(30)]
    result = mean_result(dict.fromkeys(ids, value), ids, bounds=(0.0, 1.0))
    assert (result.value, result.low, result.high, result.se) == (value, None, None, None)
    assert result.warnings == ("no interval: every clip has the same value, which does not tell how it would vary",)
    whole = set_result(value, [value] * 25, inputs(features(2, 20)), 20)
    assert (whole.low, whole.se, len(whole.leave_outs)) == (None, None, 25)
    assert "the same whichever clips are left out" in whole.warnings[0]


def test_the_error_is_stated_beside_the_interval() -> None:
    values = np.random.default_rng(3).uniform(0, 1, 30)
    ids = [str(place) for place in range(30)]
    result = mean_result(dict(zip(ids, values.tolist(), strict=True)), ids, bounds=(0.0, 1.0))
    assert result.se == pytest.approx(values.std(ddof=1) / np.sqrt(30))
    assert result.freedom == 29
