"""resampy's conversion against resampy itself (tests/parity/oracle_detect.py)."""

from __future__ import annotations

import json
from pathlib import Path

import detect_cases as cases
import numpy as np
import pytest

from evalkit.audio.resampy import resample_as_resampy

PARITY = Path(__file__).parents[1] / "parity"


@pytest.mark.parametrize(("old", "new"), cases.CONVERSIONS)
def test_a_conversion_is_resampys(old: int, new: int) -> None:
    """Up and down, by few and by many places between two samples, to both ends; each channel by itself."""
    wanted = json.loads((PARITY / "golden" / "detect.json").read_text(encoding="utf-8"))["resampy"][f"{old} to {new}"]
    found = resample_as_resampy(np.stack([cases.noise(), -cases.noise()]), old, new)
    assert found.shape == (2, 4000 * new // old) and found.dtype == np.float32
    np.testing.assert_allclose(found[0, ::97], wanted, atol=1e-6)
    np.testing.assert_array_equal(found[1], -found[0])


def test_nothing_and_the_same_rate_stay() -> None:
    assert resample_as_resampy(np.zeros((2, 0), np.float32), 44100, 16000).shape == (2, 0)
    assert np.array_equal(resample_as_resampy(cases.noise()[None], 16000, 16000), cases.noise()[None])
