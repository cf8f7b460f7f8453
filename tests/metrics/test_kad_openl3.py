"""KAD from features: clip means, the reference's yardstick, and one line where only a covariance was shipped."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs, SetReference
from evalkit.metrics.kad_openl3 import METRIC
from evalkit.suites.references import set_from_features


def _features(seed: int, clips: int, d: int = 8, frames: int = 6, shift: float = 0.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((clips, 1, d))
    return list((centres + 0.5 * rng.standard_normal((clips, frames, d)) + shift).astype(np.float32))


def _inputs(features: list[np.ndarray], reference: SetReference | None, groups: list[str] | None = None):
    ids = [f"p{i}" for i in range(len(features))]
    return MetricInputs(ids, groups or ids, features, set_reference=reference)


def test_the_same_sounds_are_near_nothing_and_others_are_not() -> None:
    reference = set_from_features(_features(0, 80))
    near, far = (METRIC.compute(_inputs(_features(1, 60, shift=shift), reference)) for shift in (0.0, 1.0))
    assert near.low is not None
    assert near.high is not None
    assert near.low < 0 < near.high
    assert far.low is not None
    assert far.low > 5
    assert (far.n, far.n_reference, far.per_prompt, far.method) == (60, 80, {}, "jackknife over 25 groups")
    assert len(far.leave_outs) == 25


def test_clip_means_count_and_not_frames() -> None:
    """A clip said three times as long must not weigh three times as much."""
    reference = set_from_features(_features(2, 40))
    features = _features(3, 30)
    longer = [np.tile(rows, (3, 1)) if i % 2 else rows for i, rows in enumerate(features)]
    expected = METRIC.compute(_inputs(features, reference)).value
    assert METRIC.compute(_inputs(longer, reference)).value == pytest.approx(expected, abs=1e-4)


def test_another_system_is_measured_with_the_same_kernel() -> None:
    """With the bandwidth of the scored set, ten times the spread would look like the same shape."""
    reference = set_from_features(_features(4, 60))
    values = [METRIC.compute(_inputs([s * f for f in _features(5, 60)], reference)).value for s in (1, 3, 10)]
    assert values == sorted(values)


def test_a_bare_covariance_gives_no_number_but_says_why() -> None:
    made = set_from_features(_features(6, 40))
    shipped = SetReference(made.mean, made.covariance, made.frames, made.clips)
    with pytest.raises(UserError, match="only a mean and a covariance"):
        METRIC.compute(_inputs(_features(7, 10), shipped))
    with pytest.raises(UserError, match="needs the statistics"):
        METRIC.compute(_inputs(_features(7, 10), None))


def test_few_sources_have_a_value_but_no_interval() -> None:
    reference = set_from_features(_features(8, 40))
    few = METRIC.compute(_inputs(_features(9, 8), reference, list("aabbccdd")))
    assert np.isfinite(few.value)
    assert (few.low, few.high, few.leave_outs) == (None, None, ())
    assert any("no interval" in warning for warning in few.warnings)
    with pytest.raises(UserError, match="different sources"):
        METRIC.compute(_inputs(_features(9, 8), reference, ["a"] * 8))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "no clip"),
        (_features(0, 6, 9), "not \\(frames, 8\\)"),
        ([np.full((2, 8), np.nan, np.float32)] * 6, "'p0' hold NaN"),
        ([np.zeros((0, 8), np.float32)] * 6, "'p0' are \\(0, 8\\)"),
    ],
)
def test_what_gives_no_number_gives_one_line(features: list[np.ndarray], message: str) -> None:
    with pytest.raises(UserError, match=message):
        METRIC.compute(_inputs(features, set_from_features(_features(1, 20))))


def test_the_name_on_the_command_line_finds_it() -> None:
    assert METRICS.load("kad_openl3") is METRIC
    assert (METRIC.card.headline, METRIC.card.biased_by_n, METRIC.card.direction) == (False, False, "lower")
