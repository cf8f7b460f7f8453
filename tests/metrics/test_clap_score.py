"""CLAP score from embeddings: the cosine per prompt, and one line where there is no number."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.metrics.clap_score import METRIC, cosines


def _rows(seed: int, n: int, d: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def _inputs(clips: np.ndarray, texts: np.ndarray | None, groups: list[str] | None = None) -> MetricInputs:
    ids = [f"p{i}" for i in range(len(clips))]
    return MetricInputs(ids, groups or ids, [row[None] for row in clips], texts=texts)


def test_is_torchs_cosine_similarity() -> None:
    """Also for a vector of zeros, which a plain division would turn into NaN."""
    torch = pytest.importorskip("torch")
    clips, texts = _rows(0, 30).astype(np.float64), _rows(1, 30).astype(np.float64)
    clips[3] = 0
    theirs = torch.nn.functional.cosine_similarity(torch.from_numpy(clips), torch.from_numpy(texts), eps=1e-8)
    np.testing.assert_allclose(cosines(clips, texts), theirs.numpy(), rtol=1e-12, atol=1e-15)


def test_mean_interval_and_rows() -> None:
    clips, texts = _rows(2, 40), _rows(2, 40) + _rows(3, 40)
    result = METRIC.compute(_inputs(clips, texts))
    assert result.value == pytest.approx(np.mean(list(result.per_prompt.values())), rel=1e-12)
    assert (result.n, result.n_reference, len(result.per_prompt)) == (40, 0, 40)
    assert result.low is not None
    assert result.high is not None
    assert result.low < result.value < result.high
    assert result.method == "clustered t over 40 groups"
    shuffled = METRIC.compute(_inputs(clips, np.roll(texts, 1, axis=0)))
    assert shuffled.value < result.low


def test_captions_of_one_clip_are_one_unit() -> None:
    clips, texts = _rows(4, 10), _rows(5, 10)
    once = METRIC.compute(_inputs(clips, texts))
    groups = [f"g{i}" for i in range(10)] * 5
    five = METRIC.compute(_inputs(np.tile(clips, (5, 1)), np.tile(texts, (5, 1)), groups))
    assert once.low is not None
    assert five.low == pytest.approx(once.low, rel=1e-6)


def test_few_clips_have_no_interval() -> None:
    result = METRIC.compute(_inputs(_rows(6, 3), _rows(7, 3)))
    assert (result.low, result.high) == (None, None)
    assert any("no interval" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("clips", "texts", "message"),
    [
        (_rows(0, 0), _rows(0, 0), "no clip"),
        (_rows(0, 3), None, "texts"),
        (_rows(0, 3), _rows(0, 2), "texts are"),
        (_rows(0, 3), _rows(0, 3, 8), "texts are"),
        (np.full((3, 16), np.nan, np.float32), _rows(0, 3), "'p0' holds NaN"),
    ],
)
def test_what_gives_no_number_gives_one_line(clips: np.ndarray, texts: np.ndarray | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        METRIC.compute(_inputs(clips, texts))


def test_more_than_one_row_per_clip_is_refused() -> None:
    """Frames of another family handed in by mistake must not be scored row by row."""
    with pytest.raises(UserError, match="one embedding"):
        METRIC.compute(MetricInputs(["a"], ["a"], [_rows(0, 4)], texts=_rows(1, 1)))


def test_the_name_on_the_command_line_finds_it() -> None:
    assert METRICS.load("clap_score") is METRIC
    assert METRIC.card.direction == "higher"
