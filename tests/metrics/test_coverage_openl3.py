"""Coverage from features: variety of the set, with its ceiling told where few clips keep it low."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs, SetReference
from evalkit.metrics.coverage_openl3 import METRIC
from evalkit.suites.references import set_from_features


def _features(seed: int, clips: int, spread: float = 1.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return list((spread * rng.standard_normal((clips, 1, 6)) + 0.1 * rng.standard_normal((clips, 5, 6))).astype("f4"))


def _inputs(features: list[np.ndarray], reference: SetReference | None) -> MetricInputs:
    ids = [f"p{i}" for i in range(len(features))]
    return MetricInputs(ids, ids, features, set_reference=reference)


def test_varied_sounds_cover_more_than_one_sound_over_and_over() -> None:
    reference = set_from_features(_features(0, 150))
    varied, narrow = (METRIC.compute(_inputs(_features(1, 200, spread), reference)) for spread in (1.0, 0.05))
    assert varied.value > 0.9
    assert narrow.high is not None
    assert narrow.high < 0.5
    assert varied.warnings == ()
    assert (varied.n, varied.n_reference, varied.per_prompt) == (200, 150, {})


def test_few_clips_are_told_what_they_could_cover_at_best() -> None:
    """10 clips cannot cover 200 real ones; without the bound the number reads as a fault of the model."""
    result = METRIC.compute(_inputs(_features(2, 10), set_from_features(_features(3, 200))))
    assert any("10 clips of the reference's own distribution would cover 0.22 of its 200" in w for w in result.warnings)
    assert METRIC.card.biased_by_n


def test_what_gives_no_number_gives_one_line() -> None:
    made = set_from_features(_features(4, 40))
    with pytest.raises(UserError, match="only a mean and a covariance"):
        METRIC.compute(_inputs(_features(5, 9), SetReference(made.mean, made.covariance, made.frames, 40)))
    with pytest.raises(UserError, match="more than 5 needed"):
        METRIC.compute(_inputs(_features(5, 9), set_from_features(_features(6, 5))))


def test_the_name_on_the_command_line_finds_it() -> None:
    assert METRICS.load("coverage_openl3") is METRIC
    assert (METRIC.card.headline, METRIC.card.direction) == (False, "higher")
