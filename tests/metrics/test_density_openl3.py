"""Density from features: fidelity per clip, paired with the prompts by its per-prompt values."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs, SetReference
from evalkit.metrics.density_openl3 import METRIC
from evalkit.suites.references import set_from_features


def _features(seed: int, clips: int, shift: float = 0.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return list((rng.standard_normal((clips, 1, 6)) + 0.1 * rng.standard_normal((clips, 5, 6)) + shift).astype("f4"))


def _inputs(features: list[np.ndarray], reference: SetReference | None) -> MetricInputs:
    ids = [f"p{i}" for i in range(len(features))]
    return MetricInputs(ids, ids, features, set_reference=reference)


def test_real_sounds_have_density_one_and_far_ones_none() -> None:
    reference = set_from_features(_features(0, 200))
    near = METRIC.compute(_inputs(_features(1, 200), reference))
    assert near.low is not None
    assert near.high is not None
    assert near.low < 1 < near.high
    assert (near.n, near.n_reference) == (200, 200)
    assert METRIC.compute(_inputs(_features(1, 50, shift=50), reference)).value == 0


def test_the_value_is_the_mean_of_the_prompts() -> None:
    """So that a gate may compare two runs prompt by prompt."""
    result = METRIC.compute(_inputs(_features(2, 40), set_from_features(_features(3, 60))))
    assert len(result.per_prompt) == 40
    assert result.value == pytest.approx(np.mean(list(result.per_prompt.values())))


def test_what_gives_no_number_gives_one_line() -> None:
    made = set_from_features(_features(4, 40))
    with pytest.raises(UserError, match="only a mean and a covariance"):
        METRIC.compute(_inputs(_features(5, 9), SetReference(made.mean, made.covariance, made.frames, 40)))
    with pytest.raises(UserError, match="more than 5 needed"):
        METRIC.compute(_inputs(_features(5, 9), set_from_features(_features(6, 5))))
    with pytest.raises(UserError, match="no clip"):
        METRIC.compute(_inputs([], made))


def test_the_name_on_the_command_line_finds_it() -> None:
    assert METRICS.load("density_openl3") is METRIC
    assert (METRIC.card.headline, METRIC.card.direction) == (False, "higher")
