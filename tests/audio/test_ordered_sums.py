"""OpenL3's resampling, compiled or not: the same bits as resampy's own loop, whichever way they are made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evalkit.audio import ordered_sums, resample
from evalkit.audio.resample import kaiser_best_table, resample_kaiser_best

RATES = [(44100, 48000), (16000, 48000), (22050, 44100), (32000, 44100), (8000, 11025), (47999, 48000), (48000, 16000)]


@pytest.fixture(params=["numpy", "numba"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both ways of adding up, whatever this process has converted before."""
    if request.param == "numba":
        pytest.importorskip("numba")
        assert ordered_sums.compiled() is not None
    worth = 0 if request.param == "numba" else 1 << 60
    monkeypatch.setattr(ordered_sums, "WORTH_COMPILING", worth)
    return str(request.param)


def test_both_ways_are_resampys_loop(way: str) -> None:
    """resampy 0.2.2, `interpn.py` (ISC), in its own words: a sum rounded otherwise moves FD-OpenL3 by 1e-3."""

    @settings(max_examples=12, deadline=None)
    @given(st.sampled_from(RATES), st.integers(1, 2), st.integers(1, 90), st.integers(0, 2**32 - 1), st.integers(0, 30))
    def holds(rates: tuple[int, int], channels: int, count: int, seed: int, quiet: int) -> None:
        rng = np.random.default_rng(seed)
        sound = (rng.uniform(-1, 1, (channels, count)) * 10.0**-quiet).astype(np.float32)
        found = resample_kaiser_best(sound, *rates)
        assert found.tobytes() == np.stack([_resampy(row, *rates) for row in sound]).tobytes()

    holds()


@pytest.mark.parametrize("name", ["bark", "noise", "noise_up", "noise_odd"])
def test_both_ways_are_what_resampy_gave(way: str, name: str) -> None:
    """What resampy 0.2.2 itself made of a recording and of noise, under its own numba."""
    with np.load(Path(__file__).parent / "golden" / "resampy_0_2_2.npz") as golden:
        rate_from, rate_to = (int(rate) for rate in golden[f"{name}_rates"])
        found = resample_kaiser_best(golden[f"{name}_in"][None], rate_from, rate_to)[0]
        assert found.tobytes() == golden[f"{name}_out"].tobytes()


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize(("channels", "count"), [(1, 40_000), (3, 7_001)])
def test_both_ways_agree_on_longer_sounds(way: str, rates: tuple[int, int], channels: int, count: int) -> None:
    """Over chunks, and where the running time has strayed: against the sums made sample by sample."""
    sound = np.random.default_rng(count).normal(0, 0.3, (channels, count)).astype(np.float32)
    found = resample_kaiser_best(sound, *rates)
    ratio = float(rates[1]) / rates[0]
    time = np.cumsum(np.concatenate(([0.0], np.full(found.shape[1] - 1, 1 / ratio))))
    assert found.tobytes() == resample._at(sound, time, resample._kernel(*rates)).tobytes()


def test_a_compiler_that_rounds_otherwise_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine's compiler may fuse a product with its sum; NumPy then does the work."""
    pytest.importorskip("numba")

    def fused(*arguments: object) -> None:
        ordered_sums.add_by_numpy(*arguments)  # type: ignore[arg-type]
        sums = arguments[0]
        assert isinstance(sums, np.ndarray)
        sums[0, 0] = np.nextafter(sums[0, 0], np.float32(2))

    monkeypatch.setattr("numba.njit", lambda *_, **__: lambda _: fused)
    assert ordered_sums.compiled.__wrapped__() is None


def test_numba_that_cannot_be_imported_costs_nothing_but_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """numba is often behind NumPy, and then says so with an ImportError."""
    import sys

    monkeypatch.setitem(sys.modules, "numba", None)
    assert ordered_sums.compiled.__wrapped__() is None


def test_a_single_short_sound_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of compiling would be lost on it."""
    monkeypatch.setattr(ordered_sums, "_work", ordered_sums._Work())
    assert ordered_sums.adder(480_000) is ordered_sums.add_by_numpy


def _resampy(x: NDArray[np.float32], rate_from: int, rate_to: int) -> NDArray[np.float32]:
    ratio = float(rate_to) / rate_from
    y = np.zeros(int(len(x) * ratio), dtype=np.float32)
    table = kaiser_best_table() * min(1.0, ratio)
    delta = np.append(np.diff(table), 0.0)
    scale, increment, register = min(1.0, ratio), 1.0 / ratio, 0.0
    step = int(scale * 512)
    for t in range(len(y)):
        n = int(register)
        frac = scale * (register - n)
        for side in (0, 1):
            frac = scale - frac if side else frac
            index = frac * 512
            offset = int(index)
            eta = index - offset
            most = min(len(x) - n - 1 if side else n + 1, (len(table) - offset) // step)
            for k in range(most):
                weight = table[offset + k * step] + eta * delta[offset + k * step]
                y[t] = np.float64(y[t]) + weight * np.float64(x[n + k + 1 if side else n - k])
        register += increment
    return y
