"""FD-infinity from features: under FD, told where the line cannot be trusted, refused where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs, SetReference
from evalkit.metrics.fd_inf_openl3 import METRIC
from evalkit.metrics.fd_openl3 import METRIC as FD
from evalkit.suites.references import set_from_features


def _features(seed: int, clips: int, d: int = 12, frames: int = 5, shift: float = 0.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((clips, 1, d))
    return list((centres + 0.5 * rng.standard_normal((clips, frames, d)) + shift).astype(np.float32))


def _inputs(features: list[np.ndarray], reference: SetReference | None) -> MetricInputs:
    ids = [f"p{i}" for i in range(len(features))]
    return MetricInputs(ids, ids, features, set_reference=reference)


def test_lies_under_fd_and_has_the_wider_interval() -> None:
    reference = set_from_features(_features(0, 2000))
    inputs = _inputs(_features(1, 160, shift=0.2), reference)
    beyond, plain = METRIC.compute(inputs), FD.compute(inputs)
    assert beyond.low is not None
    assert beyond.high is not None
    assert beyond.low < beyond.value < beyond.high
    assert beyond.value < plain.value
    assert beyond.low < 12 * 0.2**2 < beyond.high
    assert (beyond.n, beyond.n_reference, beyond.method) == (160, 2000, "jackknife over 24 groups")
    assert beyond.warnings == ()


def test_statistics_that_ship_without_features_are_enough() -> None:
    made = set_from_features(_features(2, 200))
    shipped = SetReference(made.mean, made.covariance, 0, 200)
    inputs = _inputs(_features(3, 60), made), _inputs(_features(3, 60), shipped)
    assert METRIC.compute(inputs[0]).value == METRIC.compute(inputs[1]).value


def test_too_few_frames_for_the_law_are_told() -> None:
    result = METRIC.compute(_inputs(_features(4, 16, 40, 2), set_from_features(_features(5, 200, 40))))
    assert any("8 frames in 40 dimensions" in warning for warning in result.warnings)


def test_what_gives_no_number_gives_one_line() -> None:
    reference = set_from_features(_features(6, 50))
    with pytest.raises(UserError, match="7 sources are too few"):
        METRIC.compute(_inputs(_features(7, 7), reference))
    with pytest.raises(UserError, match="fewer than 2 rows"):
        METRIC.compute(_inputs([rows[:1] for rows in _features(7, 8)], set_from_features(_features(6, 50))))
    with pytest.raises(UserError, match="no clip"):
        METRIC.compute(_inputs([], reference))
    with pytest.raises(UserError, match="needs the statistics"):
        METRIC.compute(_inputs(_features(7, 9), None))


def test_the_name_on_the_command_line_finds_it() -> None:
    assert METRICS.load("fd_inf_openl3") is METRIC
    assert (METRIC.card.headline, METRIC.card.direction) == (False, "lower")
