"""FD-OpenL3 from features: value, interval, counts, and one clear line where there is no number."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs, SetReference
from evalkit.metrics.fd_openl3 import METRIC
from evalkit.stats.frechet import factors_of_rows, frechet_distance


def _features(seed: int, clips: int, d: int = 8, frames: int = 6, shift: float = 0.0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [(generator.standard_normal((frames, d)) + shift).astype(np.float32) for _ in range(clips)]


def _reference(features: list[np.ndarray]) -> SetReference:
    rows = np.concatenate(features).astype(np.float64)
    return SetReference(rows.mean(axis=0), np.cov(rows, rowvar=False), len(rows), len(features))


def _inputs(
    features: list[np.ndarray], reference: SetReference | None, groups: list[str] | None = None
) -> MetricInputs:
    ids = [f"p{i}" for i in range(len(features))]
    return MetricInputs(ids, groups or ids, features, set_reference=reference)


def test_is_the_distance_over_all_frames() -> None:
    """Every frame is a row: a mean over time per clip would be another metric."""
    generated, real = _features(0, 30), _features(1, 40, shift=0.2)
    result = METRIC.compute(_inputs(generated, _reference(real)))
    expected = frechet_distance(factors_of_rows(np.concatenate(generated)), factors_of_rows(np.concatenate(real)))
    assert result.value == pytest.approx(expected, rel=1e-9)
    assert (result.n, result.n_reference, result.per_prompt) == (30, 40, {})
    assert result.low is not None
    assert result.high is not None
    assert result.low < result.value < result.high
    assert result.method == "jackknife over 25 groups"
    assert any("30 clips are few" in warning for warning in result.warnings)


def test_order_of_clips_does_not_matter() -> None:
    features, reference = _features(2, 40), _reference(_features(3, 40))
    ids = [f"p{i}" for i in range(40)]
    there = METRIC.compute(MetricInputs(ids, ids, features, set_reference=reference))
    back = METRIC.compute(MetricInputs(ids[::-1], ids[::-1], features[::-1], set_reference=reference))
    assert back.value == pytest.approx(there.value, rel=1e-10)
    assert back.low == pytest.approx(there.low, rel=1e-8)


def test_grouped_captions_do_not_narrow_the_interval() -> None:
    features, reference = _features(4, 40), _reference(_features(5, 40))
    ids = [f"p{i}" for i in range(40)]
    once = METRIC.compute(MetricInputs(ids, ids, features, set_reference=reference))
    five = METRIC.compute(MetricInputs([f"{i}-{k}" for k in range(5) for i in ids], ids * 5, features * 5,
                                       set_reference=reference))  # fmt: skip
    assert once.high is not None
    assert five.high is not None
    assert five.high - five.value == pytest.approx(once.high - once.value, rel=0.02)


def test_mono_through_the_stereo_protocol_is_said() -> None:
    doubled = [np.concatenate([rows, rows], axis=1) for rows in _features(6, 30)]
    result = METRIC.compute(_inputs(doubled, _reference(_features(7, 40, 16))))
    assert np.isfinite(result.value)
    assert any("rank 8 of 16, as every clip is mono" in warning for warning in result.warnings)


def test_few_clips_still_have_a_value_but_no_interval() -> None:
    result = METRIC.compute(_inputs(_features(8, 2), _reference(_features(9, 40))))
    assert result.value > 0
    assert (result.low, result.high, result.method) == (None, None, "none")
    assert any("no interval" in warning for warning in result.warnings)


def test_fewer_frames_than_dimensions_is_said() -> None:
    result = METRIC.compute(_inputs(_features(10, 3, 32, 2), _reference(_features(11, 40, 32))))
    assert any("rank 5 of 32, as 6 frames are too few" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "no clip"),
        (_features(0, 3, 9), "not \\(frames, 8\\)"),
        ([np.full((2, 8), np.nan, np.float32)] * 3, "'p0' hold NaN"),
        ([np.zeros((1, 8), np.float32)], "at least 2 rows"),
    ],
)
def test_what_gives_no_number_gives_one_line(features: list[np.ndarray], message: str) -> None:
    with pytest.raises(UserError, match=message):
        METRIC.compute(_inputs(features, _reference(_features(1, 40))))


def test_without_a_usable_reference_there_is_one_line() -> None:
    with pytest.raises(UserError, match="needs the statistics"):
        METRIC.compute(_inputs(_features(0, 3), None))
    broken = SetReference(np.zeros(8), np.full((8, 8), np.nan), 10, 5)
    with pytest.raises(UserError, match="cannot be used"):
        METRIC.compute(_inputs(_features(0, 3), broken))


def test_the_name_on_the_command_line_finds_it() -> None:
    assert METRICS.load("fd_openl3") is METRIC
    assert METRIC.card.direction == "lower"
