"""How fast the Frechet distance is, beside `scipy.linalg.sqrtm`, at OpenL3's 1,024 dimensions.

    nox -s bench_score            # or: python tests/bench/bench_frechet.py [--rounds N] [--json FILE]

Both sides get the same float32 rows and the same stored reference mean and covariance, and give the distance,
as a metric does: sqrtm's route is that of stable-audio-metrics (mean, covariance, `sqrtm` of the product). Each
round runs one after the other, in turning order; what is told is the median over rounds of the ratio of the two
times, which a busy machine moves less than either time. evalkit's reference factor is counted within its time,
and told apart, as it is made once for many systems.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.linalg

from evalkit.stats.frechet import Factors, factors_of_covariance, factors_of_rows, frechet_distance

DIMENSIONS = 1024
CASES = {"n < d": (300, 10.0), "full rank": (8000, 2.0)}
"""Rows, and how many times faster evalkit must be with its reference factor at hand."""


def by_sqrtm(rows: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    """The route of stable-audio-metrics, src/openl3_fd.py."""
    own = np.cov(rows, rowvar=False)
    root = np.real(scipy.linalg.sqrtm(own @ covariance))
    shift = np.square(rows.mean(axis=0) - mean).sum()
    return float(shift + np.trace(own) + np.trace(covariance) - 2 * np.trace(root))


def by_factors(rows: np.ndarray, reference: Factors) -> float:
    """evalkit's route, the reference factor at hand."""
    return frechet_distance(factors_of_rows(rows), reference)


def sounds(rows: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """(rows, 1024) float32 of a power-law spectrum in a rotated basis."""
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((DIMENSIONS, DIMENSIONS)))[0]
    spectrum = scale * np.arange(1, DIMENSIONS + 1) ** -0.6
    drawn = np.random.default_rng(seed).standard_normal((rows, DIMENSIONS)) * spectrum
    return (drawn @ basis + shift).astype(np.float32)


def timed(function: Callable[[], object], clock: Callable[[], float]) -> tuple[float, object]:
    """(seconds, what it returned)"""
    start = clock()
    value = function()
    return clock() - start, value


def measure(count: int, rounds: int, clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Medians over `rounds` for `count` rows: seconds, and the ratios with and without the reference factor."""
    stored = sounds(8000, 1)
    mean, covariance = stored.mean(axis=0, dtype=np.float64), np.cov(stored, rowvar=False)
    rows = sounds(count, 2, 1.2, 0.02)
    kept: dict[str, list[float]] = {name: [] for name in ("sqrtm", "evalkit", "reference")}
    values = {}
    for turn in range(rounds + 1):
        factored, reference = timed(lambda: factors_of_covariance(mean, covariance, len(stored)), clock)
        assert isinstance(reference, Factors)
        routes = {
            "sqrtm": lambda: by_sqrtm(rows, mean, covariance),
            "evalkit": lambda held=reference: by_factors(rows, held),
        }
        spent = {}
        for name in sorted(routes, reverse=bool(turn % 2)):
            spent[name], values[name] = timed(routes[name], clock)
        if turn:  # the first round warms up the libraries
            for name, seconds in {**spent, "reference": factored}.items():
                kept[name].append(seconds)
    pairs = list(zip(*kept.values(), strict=True))
    return {
        **{f"{name}_seconds": statistics.median(each) for name, each in kept.items()},
        "ratio": statistics.median(slow / quick for slow, quick, _ in pairs),
        "ratio_with_reference": statistics.median(slow / (quick + factor) for slow, quick, factor in pairs),
        "relative_difference": abs(values["sqrtm"] / values["evalkit"] - 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--cpu", action="store_true", help="count processor time: on a busy machine, with one thread")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    warnings.simplefilter("ignore")
    figures = {
        name: {"rows": rows, "asked": asked, **measure(rows, options.rounds, clock)}
        for name, (rows, asked) in CASES.items()
    }
    for name, each in figures.items():
        print(
            f"FD, d = {DIMENSIONS}, {name} (n = {each['rows']}): sqrtm {each['sqrtm_seconds']:.3f} s, evalkit "
            f"{each['evalkit_seconds']:.3f} s (+ {each['reference_seconds']:.3f} s once for the reference); ratio "
            f"{each['ratio']:.1f} (with the reference {each['ratio_with_reference']:.1f}), asked for "
            f"{each['asked']:g}; relative difference {each['relative_difference']:.1e}"
        )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
