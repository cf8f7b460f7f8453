"""torchaudio's conversion of rates: its lengths, its pass band, and its own numbers (golden/panns.npz)."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.audio.sinc import Form, resample_as_torchaudio

PARITY = Path(__file__).parents[1] / "parity"

SHORT = [case for case in torch_cases.SYNTHETIC if case.seconds < 6]
RATES = (8000, 16000, 22050, 32000, 44100, 48000)


@pytest.mark.parametrize("form", ["function", "transform"])
@pytest.mark.parametrize(
    "case", [each for each in torch_cases.SYNTHETIC if each.seconds < 6], ids=lambda case: case.name
)
def test_it_is_torchaudio(case: torch_cases.Case, form: Form) -> None:
    """Every FAD and FD of the papers that convert by torchaudio would move with another filter."""
    samples = torch_cases.sound(case).T
    with np.load(PARITY / "golden" / "panns.npz", allow_pickle=False) as golden:
        for rate in (16000, 32000, 48000):
            wanted = golden[f"{form}/{rate}/{case.name}"]
            found = resample_as_torchaudio(samples, case.rate, rate, form)
            thinned = found[:, :: max(1, found.shape[1] // 50)]
            np.testing.assert_allclose(thinned, wanted, atol=2e-6 * float(np.abs(samples).max()), rtol=0)


@pytest.mark.parametrize(
    "case", [each for each in torch_cases.SYNTHETIC if each.seconds > 1], ids=lambda case: case.name
)
def test_sums_are_torchs_to_the_bit(case: torch_cases.Case) -> None:
    """A protocol that cuts what is converted to 16 bits has other samples otherwise: 8e-4 of CLAP's row of 0.1 s.

    Of `transforms.Resample`, whose filter is made in float64, where torch hands the convolution to oneDNN."""
    samples = torch_cases.sound(case).T
    with np.load(PARITY / "golden" / "panns.npz", allow_pickle=False) as golden:
        for rate in (16000, 32000, 48000):
            found = resample_as_torchaudio(samples, case.rate, rate, "transform")
            thinned = found[:, :: max(1, found.shape[1] // 50)]
            np.testing.assert_array_equal(thinned, golden[f"transform/{rate}/{case.name}"])


@given(st.sampled_from(RATES), st.sampled_from(RATES), st.integers(1, 3000), st.integers(1, 2))
@settings(max_examples=40, deadline=None)
def test_lengths_and_channels(rate_from: int, rate_to: int, count: int, channels: int) -> None:
    """ceil(n to / from) samples; a channel does not hear the other; pieces of work leave no seam."""
    samples = np.random.default_rng(count).standard_normal((channels, count)).astype(np.float32)
    found = resample_as_torchaudio(samples, rate_from, rate_to)
    assert found.shape == (channels, -(-count * rate_to // rate_from))
    assert found.dtype == np.float32
    for channel in range(channels):
        alone = resample_as_torchaudio(samples[[channel]], rate_from, rate_to)
        np.testing.assert_allclose(alone[0], found[channel], atol=1e-5)


def test_a_tone_stays_and_one_that_cannot_goes() -> None:
    """1 kHz keeps its level to 0.1 dB from 44.1 to 16 kHz; 12 kHz would fold to 4 kHz and is 40 dB down."""
    time = np.arange(44100) / 44100
    kept, gone = (
        resample_as_torchaudio(np.sin(2 * np.pi * hz * time)[None].astype(np.float32), 44100, 16000)[0, 500:-500]
        for hz in (1000, 12000)
    )
    assert float(np.sqrt(2 * np.mean(kept**2))) == pytest.approx(1.0, abs=0.01)
    assert float(np.sqrt(2 * np.mean(gone**2))) < 0.01


def test_long_sound_takes_little_more_than_itself() -> None:
    """Otherwise ten minutes would be a matrix of gigabytes, as each input is seen by 36 outputs."""
    samples = np.random.default_rng(0).standard_normal((2, 441_000)).astype(np.float32)
    tracemalloc.start()
    resample_as_torchaudio(samples, 44100, 16000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * samples.nbytes


def test_rates_that_have_nothing_in_common_cost_no_more_memory() -> None:
    """One filter of all inputs for each place, as the original has them, would be 3 GB for a file of 47,999 Hz."""
    samples = np.random.default_rng(0).standard_normal((1, 4800)).astype(np.float32)
    tracemalloc.start()
    found = resample_as_torchaudio(samples, 47_999, 16_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    near = resample_as_torchaudio(samples, 48_000, 16_000)
    assert found.shape == (1, 1601)
    assert peak < 100e6
    assert float(np.abs(found[0, :50] - near[0, :50]).max()) < 0.02


@pytest.mark.parametrize(("old", "new"), [(47, 16), (16, 47), (7, 5), (1, 3), (3, 1)])
def test_it_is_the_sum_over_all_inputs(old: int, new: int) -> None:
    """y(j) = sum of x(i) times the windowed sinc at i / from - j / to: no filter is cut short."""
    samples = np.random.default_rng(old).standard_normal(200).astype(np.float32)
    found = resample_as_torchaudio(samples[None], old, new)[0]
    cutoff = 0.99 * min(old, new)
    place = (np.arange(200) / old - np.arange(len(found))[:, None] / new) * cutoff
    kernel = np.sinc(place) * np.cos(np.clip(place, -6, 6) * np.pi / 12) ** 2 * cutoff / old
    np.testing.assert_allclose(found, kernel @ samples, atol=2e-5)


def test_the_same_rate_is_a_copy() -> None:
    samples = np.ones((1, 5), dtype=np.float32)
    found = resample_as_torchaudio(samples, 16000, 16000)
    assert found is not samples
    np.testing.assert_array_equal(found, samples)
