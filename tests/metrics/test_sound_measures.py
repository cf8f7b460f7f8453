"""The seven measures of the sound itself: each takes its own column, none ranks, and what gives no number says why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.embed.sound import COLUMNS
from evalkit.metrics.base import METRICS, MetricInputs

COLUMN_OF = {
    "silence_share": "silence",
    "clipping_share": "clipping",
    "loudness_lufs": "loudness",
    "stereo_correlation": "correlation",
    "side_mid": "side_mid",
    "bandwidth": "bandwidth",
}
DIRECTED = {"duration_error", "clipping_share"}
ALL = [*COLUMN_OF, "duration_error"]


def inputs(n: int = 12) -> MetricInputs:
    rows = np.random.default_rng(0).uniform(0.1, 1, (n, len(COLUMNS))).astype(np.float32)
    ids = [f"p{place}" for place in range(n)]
    return MetricInputs(ids, ids, [row[None] for row in rows], seconds=[0.5] * n)


@pytest.mark.parametrize("name", COLUMN_OF)
def test_is_the_mean_of_its_own_column(name: str) -> None:
    """A metric that reads its neighbour's column gives plausible numbers for ever."""
    given = inputs()
    column = np.concatenate(list(given.features))[:, COLUMNS.index(COLUMN_OF[name])].astype(float)
    result = METRICS.load(name).compute(given)
    assert result.value == pytest.approx(column.mean(), rel=1e-12)
    assert result.per_prompt == pytest.approx(dict(zip(given.ids, column, strict=True)))
    assert result.low is not None
    assert result.high is not None
    assert result.low < result.value < result.high
    assert (result.n, result.n_reference, result.method) == (12, 0, "clustered t over 12 groups")


def test_duration_error_counts_too_long_like_too_short() -> None:
    given = inputs(3)
    for row, seconds in zip(given.features, (9.5, 10.0, 11.0), strict=True):
        row[0, COLUMNS.index("seconds")] = seconds
    result = METRICS.load("duration_error").compute(replace(given, seconds=[10.0, 10.0, 10.0]))
    assert result.per_prompt == {"p0": 0.5, "p1": 0.0, "p2": 1.0}
    assert result.value == pytest.approx(0.5)
    assert result.low is None, "three sources are too few for an interval"


def test_a_length_to_the_sample_is_no_error_at_all() -> None:
    """1.1 is no float32: without care every perfect run would show 2e-8 s."""
    given = inputs(2)
    for row in given.features:
        row[0, COLUMNS.index("seconds")] = np.float32(1.1)
    assert METRICS.load("duration_error").compute(replace(given, seconds=[1.1, 1.1])).value == 0.0


def test_five_generations_for_one_source_are_one_unit() -> None:
    once = inputs(8)
    five = replace(
        once,
        ids=[f"{i}-{k}" for k in range(5) for i in once.ids],
        groups=list(once.groups) * 5,
        features=list(once.features) * 5,
        seconds=[0.5] * 40,
    )
    for name in ALL:
        metric = METRICS.load(name)
        assert metric.compute(five).low == pytest.approx(metric.compute(once).low, rel=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_features_of_another_embedder_are_refused(name: str) -> None:
    """`weights = "clap"` in a manifest must not make a loudness out of an embedding."""
    given = inputs(2)
    with pytest.raises(UserError, match="measures of the sound itself"):
        METRICS.load(name).compute(replace(given, features=[np.zeros((1, 512), np.float32)] * 2))
    with pytest.raises(UserError, match="no clip"):
        METRICS.load(name).compute(replace(given, ids=[], groups=[], features=[], seconds=[]))
    given.features[1][:] = np.nan
    with pytest.raises(UserError, match="'p1' is not a number"):
        METRICS.load(name).compute(given)


def test_duration_error_needs_the_asked_lengths() -> None:
    with pytest.raises(UserError, match="length that each prompt asks for"):
        METRICS.load("duration_error").compute(replace(inputs(2), seconds=[]))
    with pytest.raises(UserError, match="length that each prompt asks for"):
        METRICS.load("duration_error").compute(replace(inputs(2), seconds=[1.0, 0.0]))


@pytest.mark.parametrize("name", ALL)
def test_ranks_nothing_and_claims_a_better_side_only_where_there_is_one(name: str) -> None:
    card = METRICS.load(name).card
    assert card.name == name
    assert card.family == "sound"
    assert card.headline is False
    assert card.direction == ("lower" if name in DIRECTED else "none")
