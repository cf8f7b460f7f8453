"""The originals' side of `evalkit verify --against originals`: what it does before a package hears a sound."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from evalkit.originals.harness import load_at_peak


def test_the_level_is_in_the_arithmetic_of_numpy_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the gain is float64 until it meets the samples. NumPy 2 divides by a float32 peak in float32, so that some
    samples came out one step of 16 bits off, and evalkit was told to be wrong."""
    others = 0
    for seed in range(50):
        audio = (0.3 * np.random.default_rng(seed).standard_normal(50)).astype(np.float32)
        monkeypatch.setitem(sys.modules, "librosa", SimpleNamespace(load=lambda *_, audio=audio, **__: (audio, 48000)))
        peak = np.abs(audio).max()
        wanted = np.float32(10 ** (-1 / 20) / float(peak))
        np.testing.assert_array_equal(load_at_peak("x.wav", 48000), wanted * audio)
        others += wanted != np.float32(10 ** (-1 / 20)) / peak
    assert others  # without such peaks the test could not fail


def test_silence_is_not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the original, whose statistics then are none."""
    silence = np.zeros(10, np.float32)
    monkeypatch.setitem(sys.modules, "librosa", SimpleNamespace(load=lambda *_, **__: (silence, 48000)))
    assert np.isnan(load_at_peak("x.wav", 48000)).all()
