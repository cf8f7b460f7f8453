"""The inception score from PaSST's rows, as probabilities or as logits."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.metrics.is_passt import METRIC


def _inputs(features: list[np.ndarray], groups: list[str] | None = None) -> MetricInputs:
    ids = [f"p{i}" for i in range(len(features))]
    return MetricInputs(ids, groups or ids, features)


def test_one_certain_clip_per_class_is_the_highest_score() -> None:
    result = METRIC.compute(_inputs([row[None].astype(np.float32) for row in np.eye(12)]))
    assert result.value == pytest.approx(12.0)
    assert (result.n, result.n_reference, result.per_prompt) == (12, 0, {})
    assert METRIC.compute(_inputs([np.full((1, 12), 1 / 12, np.float32)] * 9)).value == pytest.approx(1.0)


def test_the_interval_holds_the_value_and_needs_five_sources() -> None:
    logits = np.random.default_rng(0).standard_normal((60, 3, 10)) * 3
    result = METRIC.compute(_inputs(list(logits)))
    assert result.low is not None
    assert result.high is not None
    assert 1 < result.low < result.value < result.high
    few = METRIC.compute(_inputs(list(logits[:8]), list("aabbccdd")))
    assert few.low is None
    assert any("no interval" in warning for warning in few.warnings)


def test_logits_are_averaged_over_windows_before_the_softmax() -> None:
    logits = np.random.default_rng(1).standard_normal((20, 3, 10)) * 3
    means = logits.mean(axis=1)
    rows = np.exp(means) / np.exp(means).sum(axis=1, keepdims=True)
    expected = METRIC.compute(_inputs([row[None] for row in rows])).value
    assert METRIC.compute(_inputs(list(logits))).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "no clip"),
        ([np.full((1, 4), np.nan)] * 6, "finite"),
        ([np.full((1, 4), 0.25), np.full((1, 5), 0.2)], "4 and 5 classes"),
    ],
)
def test_what_gives_no_number_gives_one_line(features: list[np.ndarray], message: str) -> None:
    with pytest.raises(UserError, match=message):
        METRIC.compute(_inputs(features))


def test_the_name_on_the_command_line_finds_it() -> None:
    assert METRICS.load("is_passt") is METRIC
    assert (METRIC.card.headline, METRIC.card.biased_by_n, METRIC.card.direction) == (False, True, "higher")
