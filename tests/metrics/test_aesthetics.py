"""The four axes of Audiobox Aesthetics: each its own column, a mean with an interval, and what they refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs

COLUMNS = {"enjoyment": 0, "usefulness": 1, "complexity": 2, "quality": 3}


def rows(count: int) -> MetricInputs:
    drawn = np.random.default_rng(5).normal(6, 1, (count, 1, 4)).astype(np.float32)
    names = [f"p{place}" for place in range(count)]
    return MetricInputs(names, names, list(drawn))


@pytest.mark.parametrize("axis", COLUMNS)
def test_an_axis_is_the_mean_of_its_column(axis: str) -> None:
    inputs = rows(30)
    values = np.concatenate(list(inputs.features))[:, COLUMNS[axis]].astype(np.float64)
    found = METRICS.load(f"aesthetics_{axis}").compute(inputs)
    assert found.value == pytest.approx(values.mean(), rel=1e-12)
    assert found.per_prompt == dict(zip(inputs.ids, values.tolist(), strict=True))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_complexity_has_no_better_side() -> None:
    directions = {axis: METRICS.load(f"aesthetics_{axis}").card.direction for axis in COLUMNS}
    assert directions == {axis: "none" if axis == "complexity" else "higher" for axis in COLUMNS}


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ([], "no clip"),
        ([np.zeros((1, 7), np.float32)], "expected one row"),
        ([np.full((1, 4), np.nan)], "not a number"),
    ],
)
def test_what_is_refused(features: list[np.ndarray], told: str) -> None:
    inputs = replace(rows(len(features)), features=features)
    with pytest.raises(UserError, match=told):
        METRICS.load("aesthetics_quality").compute(inputs)
