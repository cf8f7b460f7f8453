"""Scores from blind pairs, with ties: Bradley and Terry's model as Davidson extended it.

    P(i wins) : P(j wins) : P(tie)  =  e^s_i : e^s_j : v e^((s_i + s_j) / 2)

(Bradley and Terry, Biometrika 1952; Davidson, JASA 1970). The likelihood is that of a logit with three outcomes,
concave in the scores and log v, so Newton's steps find its one maximum. Without any tie it is the model of 1952.

The covariance is a sandwich clustered by listener (White 1982; Liang and Zeger 1986): a listener's votes follow that
listener's taste, and the model's own information takes them as independent. The factor L / (L - 1) and t of L - 1
degrees are for few listeners.

A maximum exists only where every run can be reached from every other by wins and ties (Ford 1957). Where a run won or
lost every comparison, its score has no end: `separated` names such runs, the scores are those after half a win and half
a loss were added to every pair that met, and there is no interval, as there is no error to tell."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special
from numpy.typing import NDArray

from evalkit.stats.distributions import quantile
from evalkit.stats.intervals import Interval
from evalkit.stats.two_way import FEWEST, Floats, places

FIRST, SECOND, TIE = 0, 1, 2
_STEPS = 200


@dataclass(frozen=True)
class Votes:
    """One vote a place: runs `first` and `second` as numbers from 0, `outcome` FIRST, SECOND or TIE, and `listener`."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    outcome: NDArray[np.int64]
    listener: Sequence[Hashable]

    def __post_init__(self) -> None:
        if len({len(self.first), len(self.second), len(self.outcome), len(self.listener)}) > 1 or not len(self.first):
            raise ValueError("votes are at least one, and all of their parts equally many")
        if (self.first == self.second).any() or not np.isin(self.outcome, (FIRST, SECOND, TIE)).all():
            raise ValueError("a vote is between two runs, and first, second or a tie")
        if min(self.first.min(), self.second.min()) < 0:
            raise ValueError("runs count from 0")


@dataclass(frozen=True)
class Scores:
    """`scores`, (runs,), in logits around a mean of 0; their `covariance` (runs, runs), None where there is none; the
    model's own one `naive`; `tie`, log v, None without ties; `separated`, the runs without an end; `freedom`."""

    scores: Floats
    covariance: Floats | None
    naive: Floats | None
    tie: float | None
    separated: tuple[int, ...]
    freedom: int

    def interval(self, run: int, level: float = 0.95) -> Interval | None:
        """Of one run's score."""
        return self.contrast(np.eye(len(self.scores))[run], level)

    def difference(self, one: int, other: int, level: float = 0.95) -> Interval | None:
        """Of the score of `one` minus that of `other`."""
        unit = np.eye(len(self.scores))
        return self.contrast(unit[one] - unit[other], level)

    def contrast(self, weights: Floats, level: float = 0.95) -> Interval | None:
        """Of a weighted sum of scores; None without a covariance, or under 4 listeners."""
        if self.covariance is None or self.freedom + 1 < FEWEST:
            return None
        value, se = float(weights @ self.scores), math.sqrt(max(0.0, float(weights @ self.covariance @ weights)))
        reach = float(quantile((1 + level) / 2, self.freedom)) * se
        method = f"sandwich t over {self.freedom + 1} listeners"
        return Interval(value - reach, value + reach, level, method, se, self.freedom)


def bradley_terry(votes: Votes, runs: int) -> Scores:
    """The scores of `runs` runs. Raises ValueError where runs fall into groups that never met one another: their scores
    cannot be compared, and :func:`apart` names the groups. Of ties alone all scores are 0, without an error."""
    if len(groups := apart(votes, runs)) > 1:
        raise ValueError(f"{len(groups)} groups of runs never met one another")
    if (votes.outcome == TIE).all():
        return Scores(np.zeros(runs), None, None, None, (), places(votes.listener)[1] - 1)
    separated = _without_end(votes, runs)
    with_ties = bool((votes.outcome == TIE).any())
    design, weights = _design(votes, runs, with_ties), np.ones(len(votes.first))
    chosen = votes.outcome
    if separated:
        design, weights, chosen = _evened(votes, runs, with_ties)
    found = _maximum(design, chosen, weights)
    scores = np.concatenate([[0.0], found[: runs - 1]])
    tie = float(found[-1]) if with_ties else None
    listener, count = places(votes.listener)
    if separated:
        return Scores(scores - scores.mean(), None, None, tie, separated, count - 1)
    naive, sandwich = _covariances(design, votes.outcome, found, listener, count)
    return Scores(
        scores - scores.mean(),
        _centred(sandwich, runs) if count > 1 else None,
        _centred(naive, runs),
        tie,
        (),
        count - 1,
    )


def apart(votes: Votes, runs: int) -> list[list[int]]:
    """The groups of runs that met one another, directly or through others."""
    met = np.zeros((runs, runs), dtype=bool)
    met[votes.first, votes.second] = met[votes.second, votes.first] = True
    return _same(_reach(met))


def _without_end(votes: Votes, runs: int) -> tuple[int, ...]:
    """The runs outside of the largest group in which each can be reached from each by wins and ties."""
    beat = np.zeros((runs, runs), dtype=bool)
    for one, other, ahead in ((votes.first, votes.second, FIRST), (votes.second, votes.first, SECOND)):
        won = np.isin(votes.outcome, (ahead, TIE))
        beat[one[won], other[won]] = True
    reach = _reach(beat)
    groups = _same(reach & reach.T)
    largest = max(groups, key=len)
    return () if len(groups) == 1 else tuple(run for run in range(runs) if run not in largest or len(largest) == 1)


def _reach(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    reach = edges | np.eye(len(edges), dtype=bool)
    for middle in range(len(edges)):
        reach |= reach[:, middle : middle + 1] & reach[middle : middle + 1, :]
    return reach


def _same(alike: NDArray[np.bool_]) -> list[list[int]]:
    found: dict[bytes, list[int]] = {}
    for run, row in enumerate(alike):
        found.setdefault(row.tobytes(), []).append(run)
    return list(found.values())


def _design(votes: Votes, runs: int, with_ties: bool) -> Floats:
    """(votes, 3 outcomes, parameters): scores of all runs but the first, and log v where there are ties."""
    own = np.eye(runs)[:, 1:]
    one, other = own[votes.first], own[votes.second]
    stacked = np.stack([one, other, (one + other) / 2], axis=1)
    if not with_ties:
        return stacked[:, :2]
    log_v = np.zeros((len(stacked), 3, 1))
    log_v[:, TIE] = 1.0
    return np.concatenate([stacked, log_v], axis=2)


def _evened(votes: Votes, runs: int, with_ties: bool) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """The votes and, of every pair that met, half a win each way."""
    met = sorted({tuple(sorted(pair)) for pair in zip(votes.first.tolist(), votes.second.tolist(), strict=True)})
    added = np.array([pair for pair in met for _ in range(2)], dtype=np.int64)
    more = np.array([FIRST, SECOND] * len(met), dtype=np.int64)
    every = Votes(
        np.concatenate([votes.first, added[:, 0]]),
        np.concatenate([votes.second, added[:, 1]]),
        np.concatenate([votes.outcome, more]),
        [*votes.listener, *itertools.repeat("", len(more))],
    )
    weights = np.concatenate([np.ones(len(votes.first)), np.full(len(more), 0.5)])
    return _design(every, runs, with_ties), weights, every.outcome


def _maximum(design: Floats, chosen: NDArray[np.int64], weights: Floats) -> Floats:
    """Newton's steps, halved while they lose."""
    at = np.zeros(design.shape[2])
    value = _likelihood(design, chosen, weights, at)
    for _ in range(_STEPS):
        slopes, information = _derivatives(design, chosen, at)
        step = np.linalg.lstsq(np.tensordot(weights, information, 1), weights @ slopes, rcond=None)[0]
        size = 1.0
        while (then := _likelihood(design, chosen, weights, at + size * step)) < value and size > 1e-6:
            size /= 2
        at, value = at + size * step, then
        if np.abs(step).max(initial=0.0) < 1e-10:
            break
    return at


def _likelihood(design: Floats, chosen: NDArray[np.int64], weights: Floats, at: Floats) -> float:
    logits = design @ at
    taken = logits[np.arange(len(chosen)), chosen] - scipy.special.logsumexp(logits, axis=1)
    return float(weights @ taken)


def _derivatives(design: Floats, chosen: NDArray[np.int64], at: Floats) -> tuple[Floats, Floats]:
    """The slope (votes, p) and the information (votes, p, p) of each vote."""
    shares = scipy.special.softmax(design @ at, axis=1)
    mean = np.einsum("vo,vop->vp", shares, design)
    slopes = design[np.arange(len(chosen)), chosen] - mean
    around = design - mean[:, None]
    return slopes, np.einsum("vo,vop,voq->vpq", shares, around, around)


def _covariances(
    design: Floats, chosen: NDArray[np.int64], at: Floats, listener: NDArray[np.int64], count: int
) -> tuple[Floats, Floats]:
    slopes, information = _derivatives(design, chosen, at)
    bread = np.linalg.pinv(information.sum(axis=0))
    sums = np.zeros((count, slopes.shape[1]))
    np.add.at(sums, listener, slopes)
    return bread, count / max(1, count - 1) * bread @ (sums.T @ sums) @ bread


def _centred(covariance: Floats, runs: int) -> Floats:
    """Of scores around their mean, from that of scores against the first run."""
    whole = np.zeros((runs, runs))
    whole[1:, 1:] = covariance[: runs - 1, : runs - 1]
    middle = np.eye(runs) - 1 / runs
    return middle @ whole @ middle
