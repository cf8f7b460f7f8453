"""The extrapolated distance is closer to the truth than the plain one, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.extrapolate import CELLS, Extrapolation, extrapolate_frechet
from evalkit.stats.frechet import Factors, factors_of_blocks, factors_of_covariance, frechet_distance, group_rows
from evalkit.stats.intervals import assign_folds

D = 16
SPREAD = np.arange(1, D + 1, dtype=np.float64) ** -0.6
REFERENCE = factors_of_covariance(np.zeros(D), np.diag(SPREAD**2), 10**6)


def _blocks(seed: int, clips: int, frames: int = 4, shift: float = 0.3) -> list[np.ndarray]:
    """Frames of a clip are alike: a centre and half as much around it."""
    rng = np.random.default_rng(seed)
    rows = np.sqrt(0.7) * rng.standard_normal((clips, 1, D)) + np.sqrt(0.3) * rng.standard_normal((clips, frames, D))
    return list((rows + shift) * SPREAD)


def _extrapolated(blocks: list[np.ndarray], seed: int = 0, reference: Factors = REFERENCE) -> Extrapolation:
    folds = assign_folds([str(i) for i in range(len(blocks))], CELLS)
    return extrapolate_frechet(group_rows(blocks, folds), np.bincount(folds), reference, seed)


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_takes_the_bias_away(shift: float) -> None:
    """In closed form the truth is the shift alone. The plain distance of 120 clips is far above it in every
    draw; the extrapolated ones lie around it."""
    truth = float(np.square(shift * SPREAD).sum())
    plain, beyond = [], []
    for seed in range(60):
        blocks = _blocks(seed, 120, shift=shift)
        plain.append(frechet_distance(factors_of_blocks(blocks), REFERENCE))
        beyond.append(_extrapolated(blocks).value)
    bias = np.mean(plain) - truth
    assert bias > 0.02
    assert abs(np.mean(beyond) - truth) < 0.25 * bias
    assert all(further < near for further, near in zip(beyond, plain, strict=True))


def test_the_largest_point_is_the_plain_distance_and_sizes_are_in_clips() -> None:
    blocks = _blocks(1, 240, frames=9)
    found = _extrapolated(blocks)
    assert found.distances[0] == pytest.approx(frechet_distance(factors_of_blocks(blocks), REFERENCE), rel=1e-7)
    assert found.sizes == pytest.approx((240, 120, 80, 60), rel=1e-3)
    assert list(found.distances) == sorted(found.distances)
    assert found.smallest == 60 * 9
    assert found.fit > 0.95


def test_clips_that_do_not_divide_evenly_are_no_trouble() -> None:
    found = _extrapolated(_blocks(2, 101))
    assert found.sizes == pytest.approx((101, 50.5, 33.7, 25.2), rel=0.05)
    assert 0 < found.value < found.distances[0]


def test_a_seed_gives_one_number_and_another_seed_nearly_the_same() -> None:
    blocks = _blocks(3, 200)
    values = [_extrapolated(blocks, seed).value for seed in range(10)]
    assert _extrapolated(blocks, 0) == _extrapolated(blocks, 0)
    assert len(set(values)) > 1
    assert np.std(values) < 0.05 * np.mean(values)


def test_order_of_clips_does_not_matter() -> None:
    blocks = _blocks(4, 96)
    names = [str(i) for i in range(96)]
    values = []
    for order in (range(96), range(95, -1, -1)):
        folds = assign_folds([names[i] for i in order], CELLS)
        grouped = group_rows([blocks[i] for i in order], folds)
        values.append(extrapolate_frechet(grouped, np.bincount(folds), REFERENCE).value)
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_a_leave_out_is_the_line_without_those_clips() -> None:
    """Only the parts that held the fold are computed anew; the line must be that of all parts."""
    blocks = _blocks(5, 48)
    folds = assign_folds([str(i) for i in range(48)], CELLS)
    grouped = group_rows(blocks, folds)
    found = extrapolate_frechet(grouped, np.bincount(folds), REFERENCE, 3)
    rng, x, y = np.random.default_rng(3), [], []
    for cut in (1, 2, 3, 4):
        parts = [part[part != 7] for part in np.array_split(rng.permutation(CELLS), cut)]
        kept = [[b for b, f in zip(blocks, folds, strict=True) if f in part] for part in parts]
        x.append(np.mean([1 / len(each) for each in kept]))
        y.append(np.mean([frechet_distance(factors_of_blocks(each), REFERENCE) for each in kept]))
    assert found.leave_outs[7] == pytest.approx(np.polyfit(x, y, 1)[1], rel=1e-6)
    assert len(found.leave_outs) == CELLS


def test_too_few_folds_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8"):
        _extrapolated(_blocks(6, 7))
