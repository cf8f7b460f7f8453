"""The prediction-powered mean, against the package of its authors and against what it promises."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.powered import more_to_decide, powered_mean

RATED = [1.03, 3.07, 1.95, 3.61, 3.22, 5.09, 3.54, 2.17, 3.36, 4.06, 3.08, 2.97]
OWN = [0.59, 1.94, 0.9, 3.13, 2.45, 2.85, 3.01, 1.53, 2.47, 2.92, 2.75, 0.97]
OTHERS = [
    *[2.08, 2.6, 1.98, 0.62, 0.96, 2.3, 3.38, 0.36, 1.58, 2.39, 2.33, 2.6, 3.16, 2.82, 0.8],
    *[1.86, 1.14, 2.12, 3.49, 3.06, 4.22, 3.38, 3.12, 3.07, 1.54, 2.02, 2.68, 2.84, 2.7, 1.31],
]


def test_the_authors_package() -> None:
    """ppi-python 0.2.3, ppi_mean_pointestimate: 3.18977366. Its covariance divides by n, evalkit's by n - 1, so the
    weights are as 11 to 12 and so are the estimates' ways from the ratings' own mean."""
    found = powered_mean(RATED, list(range(12)), None, OWN, OTHERS)
    assert found.value - found.mean == pytest.approx((3.18977366 - np.mean(RATED)) * 12 / 11, abs=1e-7)
    assert found.interval is not None and found.plain is not None
    assert found.interval.se < found.plain.se and found.helps


def test_a_metric_of_noise_is_said_not_to_help() -> None:
    rng = np.random.default_rng(1)
    found = powered_mean(rng.standard_normal(200), list(range(200)), None, rng.standard_normal(200), OTHERS)
    assert not found.helps and found.effective == pytest.approx(200, rel=0.05)


def test_effective_ratings_are_those_of_the_formula() -> None:
    """n / (1 - r^2 N / (N + n)), at r = 1 and endless N without end; with a metric that does not vary, what there
    are."""
    found = powered_mean(RATED, list(range(12)), None, OWN, OTHERS)
    assert found.correlation is not None
    assert found.effective == pytest.approx(12 / (1 - found.correlation**2 * 30 / 42))
    flat = powered_mean(RATED, list(range(12)), None, [1.0] * 12, OTHERS)
    assert (flat.correlation, flat.weight, flat.effective, flat.value) == (None, 0.0, 12, pytest.approx(flat.mean))


def test_known_listeners_widen_it() -> None:
    """A strict and a mild half of the panel: an interval over clips alone would not know."""
    rng = np.random.default_rng(2)
    clips, who = np.repeat(np.arange(40), 6).tolist(), np.tile(np.arange(6), 40).tolist()
    ratings = rng.standard_normal(6)[who] + 0.1 * rng.standard_normal(240)
    metric = rng.standard_normal(40)
    told, alone = (powered_mean(ratings, clips, each, metric, OTHERS).interval for each in (who, None))
    assert told is not None and alone is not None and told.se > 3 * alone.se


def test_how_many_more_decide() -> None:
    """(1.96 + 0.84)^2 = 7.85 standard errors squared; none more where it is decided already."""
    assert more_to_decide(0.1, 0.1, 100) == pytest.approx(685, rel=0.01)
    assert more_to_decide(1.0, 0.1, 100) == 0 and more_to_decide(0.0, 0.1, 100) is None
