"""KL-PaSST from class rows: which prompts count, logits and probabilities, and one line where there is no number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.metrics.kl_passt import METRIC, class_probabilities
from evalkit.stats.kl import kl_divergence, softmax


def _logits(seed: int, clips: int, windows: int = 1, classes: int = 10) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [(3 * generator.standard_normal((windows, classes))).astype(np.float32) for _ in range(clips)]


def _reference(seed: int, clips: int) -> dict[str, np.ndarray]:
    return {f"p{i}": softmax(rows[0]).astype(np.float32) for i, rows in enumerate(_logits(seed, clips))}


def _inputs(features: list[np.ndarray], reference: dict[str, np.ndarray] | None) -> MetricInputs:
    ids = [f"p{i}" for i in range(len(features))]
    return MetricInputs(ids, ids, features, pair_reference=reference)


def test_mean_over_prompts_that_have_a_reference() -> None:
    """AudioCaps has 4,405 references for 4,875 prompts: the others are outside of the metric, not failed."""
    features, reference = _logits(0, 12), _reference(1, 10)
    result = METRIC.compute(_inputs(features, reference))
    expected = [float(kl_divergence(softmax(features[i][0]), reference[f"p{i}"])) for i in range(10)]
    assert result.value == pytest.approx(np.mean(expected), rel=1e-6)
    assert (result.n, result.n_reference) == (10, 10)
    assert list(result.per_prompt) == [f"p{i}" for i in range(10)]
    assert list(result.per_prompt.values()) == pytest.approx(expected, rel=1e-6)
    assert result.low is not None
    assert result.high is not None
    assert result.low < result.value < result.high


def test_windows_are_averaged_as_logits() -> None:
    """Averaging probabilities instead would be another metric for clips over 10 s."""
    rows = _logits(2, 1, windows=4)[0]
    np.testing.assert_allclose(class_probabilities(rows), softmax(rows.astype(float).mean(axis=0)), rtol=1e-12)


def test_probabilities_are_taken_as_they_are() -> None:
    """Stored references are probabilities; a second softmax would flatten them without an error."""
    row = softmax(_logits(3, 1)[0]).astype(np.float32)
    np.testing.assert_allclose(class_probabilities(row), row[0], rtol=1e-6)


def test_the_same_clips_are_at_the_floor() -> None:
    features = _logits(4, 20)
    reference = {f"p{i}": class_probabilities(rows).astype(np.float32) for i, rows in enumerate(features)}
    assert METRIC.compute(_inputs(features, reference)).value == pytest.approx(-1e-5, abs=1e-5)


def test_matched_is_below_shuffled() -> None:
    features = _logits(5, 40)
    noisy = [rows + np.float32(0.3) * other for rows, other in zip(features, _logits(6, 40), strict=True)]
    reference = {f"p{i}": class_probabilities(rows).astype(np.float32) for i, rows in enumerate(features)}
    matched, shuffled = (
        METRIC.compute(_inputs(noisy, reference)),
        METRIC.compute(_inputs(noisy[1:] + noisy[:1], reference)),
    )
    assert matched.value < 0.2 * shuffled.value


@pytest.mark.parametrize(
    ("features", "reference", "message"),
    [
        (_logits(0, 3), None, "needs the reference"),
        (_logits(0, 3), {"other": np.full(10, 0.1, np.float32)}, "no scored clip has a reference"),
        ([], {"p0": np.full(10, 0.1, np.float32)}, "no scored clip has a reference"),
        (_logits(0, 1, classes=9), {"p0": np.full(10, 0.1, np.float32)}, "'p0' cannot be compared"),
        ([np.full((1, 10), np.nan, np.float32)], {"p0": np.full(10, 0.1, np.float32)}, "'p0' cannot be compared"),
    ],
)
def test_what_gives_no_number_gives_one_line(
    features: list[np.ndarray], reference: dict[str, np.ndarray] | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        METRIC.compute(_inputs(features, reference))


def test_the_name_on_the_command_line_finds_it() -> None:
    assert METRICS.load("kl_passt") is METRIC
    assert (METRIC.card.direction, METRIC.card.unit) == ("lower", "nats")


def test_the_other_direction_is_the_other_divergence_for_every_prompt() -> None:
    """AudioLDM's toolkit takes KL(reference || generated): by name, and never the default."""
    features = _logits(7, 10)
    reference = {f"p{i}": softmax(_logits(8, 10)[i])[0] for i in range(10)}
    there, turned = (
        METRIC.compute(replace(_inputs(features, reference), options={"direction": direction}))
        for direction in METRIC.card.options["direction"]
    )
    plain = METRIC.compute(_inputs(features, reference))
    expected = [float(kl_divergence(reference[f"p{i}"], softmax(features[i][0]))) for i in range(10)]
    assert there == plain
    assert list(turned.per_prompt.values()) == pytest.approx(expected, rel=1e-6)
    assert turned.value == pytest.approx(np.mean(expected), rel=1e-6)
    assert abs(turned.value - plain.value) > 0.01
    with pytest.raises(UserError, match="direction is 'sideways'"):
        METRIC.compute(replace(_inputs(features, reference), options={"direction": "sideways"}))
