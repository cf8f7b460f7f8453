"""MS-CLAP score: the mean over a clip's crops, what one crop would do to it, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs, MetricResult

DRAW = np.random.default_rng(2)
TEXTS = DRAW.normal(size=(20, 8)).astype(np.float32)
ROWS = [(3 * text + DRAW.normal(size=(3, 8))).astype(np.float32) for text in TEXTS]
NAMES = [f"p{place:02d}" for place in range(20)]
INPUTS = MetricInputs(NAMES, NAMES, ROWS, texts=TEXTS)


def cosines() -> np.ndarray:
    lengths = np.linalg.norm(ROWS, axis=2) * np.linalg.norm(TEXTS, axis=1)[:, None]
    return np.asarray(np.einsum("ncd,nd->nc", np.stack(ROWS), TEXTS) / lengths)


def scored(inputs: MetricInputs) -> MetricResult:
    return METRICS.load("clap_score_ms").compute(inputs)  # type: ignore[no-any-return]


def test_all_crops_count_and_one_may_be_asked_for() -> None:
    wanted = cosines()
    assert scored(INPUTS).value == pytest.approx(wanted.mean(), abs=1e-6)
    assert scored(replace(INPUTS, options={"crops": "1"})).value == pytest.approx(wanted[:, 0].mean(), abs=1e-6)


def test_what_one_draw_would_do_is_said() -> None:
    """The deviation between runs that draw one crop of each clip, found by drawing many."""
    wanted = cosines()
    (told,) = scored(INPUTS).warnings
    draws = np.random.default_rng(0).integers(0, 3, (20000, 20))
    drawn = wanted[np.arange(20), draws].mean(axis=1).std() * np.sqrt(3 / 2)  # of the place, not of these three
    assert float(told.rpartition("vary by ")[2].split()[0]) == pytest.approx(drawn, rel=0.02)
    assert scored(replace(INPUTS, features=[rows[:1] for rows in ROWS])).warnings == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ids": [], "groups": [], "features": []}, "no clip"),
        ({"texts": None}, "needs the prompts' texts"),
        ({"features": [rows[:, :4] for rows in ROWS]}, "its text"),
        ({"features": [rows[:0] for rows in ROWS]}, "its text"),
        ({"features": [np.full_like(rows, np.nan) for rows in ROWS]}, "NaN"),
    ],
)
def test_what_is_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        scored(replace(INPUTS, **change))  # type: ignore[arg-type]
