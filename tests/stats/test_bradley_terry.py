"""Scores from pairs, against choix, against the likelihood written out plainly, and where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize

from evalkit.stats.bradley_terry import FIRST, SECOND, TIE, Votes, apart, bradley_terry

WON = (
    "13 10 21 13 02 21 01 03 32 03 03 13 01 02 01 02 23 03 31 23 02 01 13 10 12 13 01 32 02 23 "
    "01 13 13 02 23 01 12 01 31 32"
)
"""Forty comparisons of four runs: the winner, then the loser."""


def votes(rows: list[tuple[int, int, int]], listeners: int = 8) -> Votes:
    first, second, outcome = (np.array(column) for column in zip(*rows, strict=True))
    return Votes(first, second, outcome, [place % listeners for place in range(len(rows))])


def drawn(seed: int, count: int = 200, runs: int = 4) -> list[tuple[int, int, int]]:
    rng = np.random.default_rng(seed)
    one = rng.integers(0, runs, count)
    other = (one + rng.integers(1, runs, count)) % runs
    return list(zip(one.tolist(), other.tolist(), rng.integers(0, 3, count).tolist(), strict=True))


def test_without_ties_it_is_choix() -> None:
    """choix 0.4.1, opt_pairwise without a penalty, around a mean of 0."""
    found = bradley_terry(votes([(int(pair[0]), int(pair[1]), FIRST) for pair in WON.split()]), 4)
    expected = [1.8534812420153681, 0.026585571442818458, -0.7133444285811588, -1.1667223848770276]
    assert found.scores.tolist() == pytest.approx(expected, abs=2e-5) and found.tie is None


def test_with_ties_it_is_davidsons_likelihood_and_its_curvature() -> None:
    """Written out with three probabilities, and climbed by scipy."""
    rows = drawn(4)

    def loss(at: np.ndarray) -> float:
        scores, total = np.concatenate([[0.0], at[:3]]), 0.0
        for one, other, outcome in rows:
            a, b = math.exp(scores[one]), math.exp(scores[other])
            t = math.exp(at[3]) * math.sqrt(a * b)
            total -= math.log((a, b, t)[outcome] / (a + b + t))
        return total

    found = bradley_terry(votes(rows), 4)
    best = scipy.optimize.minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    plain = np.concatenate([[0.0], best.x[:3]])
    assert found.scores == pytest.approx(plain - plain.mean(), abs=1e-5) and found.tie == pytest.approx(
        best.x[3], abs=1e-5
    )
    assert found.naive is not None
    step, unit = 1e-3, np.eye(4)
    curvature = [
        [
            sum(a * b * loss(best.x + step * (a * unit[i] + b * unit[j])) for a in (1, -1) for b in (1, -1))
            / (4 * step**2)
            for j in range(4)
        ]
        for i in range(4)
    ]
    spread = found.naive[1, 1] + found.naive[0, 0] - 2 * found.naive[0, 1]
    assert spread == pytest.approx(np.linalg.inv(curvature)[0, 0], rel=1e-3)


def test_listeners_who_repeat_themselves_are_not_more_listeners() -> None:
    """Every vote ten times over: the model's own interval shrinks by three, the sandwich's not at all."""
    rows = drawn(7)
    once = bradley_terry(Votes(*_columns(rows), [i % 10 for i in range(200)]), 4)
    often = bradley_terry(Votes(*_columns(rows * 10), [i % 10 for i in range(200)] * 10), 4)
    assert once.covariance is not None and often.covariance is not None
    assert once.naive is not None and often.naive is not None
    assert often.covariance == pytest.approx(once.covariance, rel=1e-6, abs=1e-9)
    assert often.naive[0, 0] == pytest.approx(once.naive[0, 0] / 10, rel=1e-6)


def test_who_is_shown_first_and_how_runs_are_numbered_says_nothing() -> None:
    rows = drawn(9)
    turned = [(b, a, {FIRST: SECOND, SECOND: FIRST, TIE: TIE}[o]) for a, b, o in rows]
    renamed = [(3 - a, 3 - b, o) for a, b, o in rows]
    plain, other, again = (bradley_terry(votes(each), 4) for each in (rows, turned, renamed))
    assert other.scores == pytest.approx(plain.scores, abs=1e-8)
    assert again.scores[::-1] == pytest.approx(plain.scores, abs=1e-8)


def test_a_run_that_always_wins_has_no_end_and_is_told() -> None:
    """Its score would be infinite: a finite one, no interval, and its name."""
    rows = [(0, 1, FIRST), (0, 2, FIRST), (1, 2, FIRST), (2, 1, FIRST), (1, 2, TIE)] * 4
    found = bradley_terry(votes(rows), 3)
    assert found.separated == (0,) and found.covariance is None and found.interval(0) is None
    assert np.isfinite(found.scores).all() and found.scores.argmax() == 0
    alone = bradley_terry(votes([(0, 1, FIRST)] * 9), 2)
    assert alone.separated == (0, 1) and alone.scores[0] > alone.scores[1]


def test_only_ties_are_no_fault() -> None:
    found = bradley_terry(votes([(0, 1, TIE), (1, 2, TIE), (0, 2, TIE)] * 5), 3)
    assert found.scores.tolist() == [0, 0, 0] and found.interval(0) is None and not found.separated


def test_runs_that_never_met_cannot_be_compared() -> None:
    strangers = votes([(0, 1, FIRST), (1, 0, FIRST), (2, 3, FIRST), (3, 2, TIE)] * 3)
    assert apart(strangers, 4) == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match="never met"):
        bradley_terry(strangers, 4)
    with pytest.raises(ValueError):
        votes([(0, 0, FIRST)])


def _columns(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first, second, outcome = (np.array(column) for column in zip(*rows, strict=True))
    return first, second, outcome
