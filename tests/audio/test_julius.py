"""julius' conversion of rates: its own numbers (golden/julius.npz), its lengths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.audio.julius import resample_as_julius

GOLDEN = Path(__file__).parents[1] / "parity" / "golden" / "julius.npz"
SHORT = [case for case in torch_cases.SYNTHETIC if case.seconds < 6]


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.name)
def test_it_is_julius(case: torch_cases.Case) -> None:
    """audiocraft's scores would move with another filter, or with other ends."""
    samples = torch_cases.sound(case).T
    with np.load(GOLDEN, allow_pickle=False) as golden:
        for rate in (16000, 32000, 48000):
            found = resample_as_julius(samples, case.rate, rate)
            assert found.shape[1] == golden[f"{rate}/{case.name}/length"]
            thinned = found[:, :: max(1, found.shape[1] // 50)]
            allowed = 2e-6 * float(np.abs(samples).max())
            np.testing.assert_allclose(thinned, golden[f"{rate}/{case.name}"], atol=allowed, rtol=0)


@given(st.sampled_from([8000, 22050, 44100]), st.sampled_from([16000, 32000, 48000]), st.integers(1, 900))
@settings(max_examples=25, deadline=None)
def test_a_constant_stays_to_its_ends(rate_from: int, rate_to: int, count: int) -> None:
    found = resample_as_julius(np.full((2, count), 0.25, np.float32), rate_from, rate_to)
    assert found.shape == (2, count * rate_to // rate_from)
    np.testing.assert_allclose(found, 0.25, atol=1e-5)
