"""MAUVE: the area against mauve-text's own (golden/mauve.npz), and what clusters must not depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_mauve import histograms, sets

from evalkit.stats.mauve import clusters, k_means, mauve

GOLDEN = Path(__file__).parents[1] / "parity" / "golden" / "mauve.npz"


@pytest.mark.parametrize("case", ["some", "none", "drawn"])
def test_the_area_is_mauve_texts(case: str) -> None:
    with np.load(GOLDEN, allow_pickle=False) as golden:
        assert mauve(*histograms()[case]) == pytest.approx(float(golden[f"area/{case}"]), rel=1e-9)


def test_the_same_shares_have_an_area_of_one() -> None:
    """Where mauve-text's sort of equal places takes a quarter away."""
    assert mauve(*histograms()["same"]) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("case", ["apart", "plain"])
def test_a_score_lies_among_mauve_texts_over_its_seeds(case: str) -> None:
    """Its starts are faiss's own, so that no single one can be had again."""
    with np.load(GOLDEN, allow_pickle=False) as golden:
        theirs = golden[f"score/{case}"]
    found = clusters(*sets()[case]).score()
    room = float(np.ptp(theirs))
    assert theirs.min() - room <= found <= theirs.max() + room


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4), st.lists(st.integers(0, 50), min_size=4, max_size=4))
def test_it_lies_between_nothing_and_all_and_is_the_same_the_other_way_round(a: list[int], b: list[int]) -> None:
    p, q = (np.array(each, dtype=float) + 1e-3 for each in (a, b))
    p, q = p / p.sum(), q / q.sum()
    assert 0 < mauve(p, q) <= 1 + 1e-9
    assert mauve(p, q) == pytest.approx(mauve(q, p), rel=1e-9)


def test_a_distance_falls_where_the_sets_come_closer() -> None:
    draw = np.random.default_rng(0)
    rows, found = draw.normal(0, 1, (600, 24)), []
    for shift in (2.0, 0.6, 0.0):
        found.append(clusters(draw.normal(shift, 1, (600, 24)), rows).score())
    assert found == sorted(found) and found[0] < 0.2 and found[2] > 0.9


def test_few_rows_and_rows_that_are_no_numbers_are_refused() -> None:
    rows = np.random.default_rng(0).normal(0, 1, (20, 3))
    with pytest.raises(ValueError, match="9 rows are too few"):
        clusters(rows[:9], rows)
    with pytest.raises(ValueError, match="NaN"):
        clusters(np.where(np.arange(3) == 1, np.nan, rows), rows)


def test_clusters_of_rows_that_are_all_the_same() -> None:
    """A model that makes one sound: no division by nothing, and a score."""
    same = np.ones((20, 3))
    assert set(k_means(same, 2, 0)) <= {0, 1}
    assert np.isfinite(clusters(same, np.random.default_rng(0).normal(0, 1, (20, 3))).score())
