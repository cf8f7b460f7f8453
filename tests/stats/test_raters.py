"""Agreement of raters, against Krippendorff's and Shrout and Fleiss's own examples and the package `krippendorff`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.raters import krippendorff_alpha, reliability, spearman_brown

OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
"""Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), section C: four observers, twelve units."""

JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def observed() -> tuple[list[float], list[int]]:
    pairs = [(float(v), u) for row in OBSERVERS for u, v in enumerate(row.split()) if v != "."]
    return [v for v, _ in pairs], [u for _, u in pairs]


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_own_example(level: str, alpha: float) -> None:
    found = krippendorff_alpha(*observed(), level)
    assert found is not None and round(found, 3) == alpha


@pytest.mark.parametrize(
    ("level", "alpha"),
    [("nominal", -0.02102102102102088), ("ordinal", -0.08138739512308724), ("interval", -0.015258215962441257)],
)
def test_the_package(level: str, alpha: float) -> None:
    """krippendorff 0.9.0 on a sparse table of whole points, with less agreement than chance."""
    clips = [0, 1, 2, 5, 6, 7, 2, 3, 5, 6, 7, 0, 1, 3, 4, 0, 1, 2, 3, 4, 7, 1, 2, 3, 4, 5, 0, 2, 3, 5, 7]
    points = [2, 2, 2, 2, 2, 2, 3, 2, 2, 3, 4, 3, 3, 2, 4, 3, 3, 3, 4, 4, 4, 1, 3, 3, 2, 3, 2, 3, 3, 5, 5]
    assert krippendorff_alpha(points, clips, level) == pytest.approx(alpha, rel=1e-10)


def test_one_way_reliability_of_shrout_and_fleiss() -> None:
    """Their table 4: ICC(1,1) .17, ICC(1,4) .44."""
    found = reliability(JUDGES.ravel(), np.repeat(np.arange(6), 4).tolist())
    assert found is not None
    assert (round(found.single, 2), round(found.value, 2), round(found.raters)) == (0.17, 0.44, 4)
    assert found.interval is not None and found.interval.low < found.value < found.interval.high <= 1
    assert found.ceiling == pytest.approx(found.value**0.5)


def test_the_interval_of_a_reliability_holds() -> None:
    """Against a known truth: clips of variance 1, noise of 2, ten ratings: 10 / 12."""
    rng, held = np.random.default_rng(5), 0
    clips = np.repeat(np.arange(60), 10)
    for _ in range(80):
        found = reliability(rng.standard_normal(60)[clips] + 2**0.5 * rng.standard_normal(600), clips.tolist())
        assert found is not None and found.interval is not None
        held += found.interval.low <= 10 / 12 <= found.interval.high
    assert held >= 70


def test_what_cannot_agree_has_no_alpha() -> None:
    """All the same, nobody twice, nothing at all: no number, rather than 0 or 1."""
    assert krippendorff_alpha([3, 3, 3, 3], [0, 0, 1, 1]) is None
    assert krippendorff_alpha([1, 2], [0, 1]) is None
    assert krippendorff_alpha([], []) is None
    assert reliability([1, 2, 3], [0, 1, 2]) is None
    with pytest.raises(ValueError):
        krippendorff_alpha([1, 2], [0, 0], "ratio")


@given(st.floats(0, 1), st.integers(1, 50), st.integers(1, 50))
def test_spearman_brown_composes(single: float, first: int, second: int) -> None:
    """Ten raters of ten are a hundred; no number of them is worth more than 1."""
    both = spearman_brown(spearman_brown(single, first), second)
    assert both == pytest.approx(spearman_brown(single, first * second)) and 0 <= both <= 1


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 5)), max_size=60))
def test_alpha_is_never_above_one(rows: list[tuple[int, int]]) -> None:
    for level in ("nominal", "ordinal", "interval"):
        found = krippendorff_alpha([r[1] for r in rows], [r[0] for r in rows], level)
        assert found is None or found <= 1 + 1e-12
