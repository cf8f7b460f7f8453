"""What a protocol does to a clip before its network hears it: each choice alone, and their order."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.audio.clip import Clip
from evalkit.audio.preparation import Preparation
from evalkit.core.errors import UserError

LEFT, RIGHT = np.array([0.5, 0.1, 0.3], dtype=np.float32), np.array([0.1, 0.1, -0.3], dtype=np.float32)
STEREO = Clip(np.stack([LEFT, RIGHT]), 16000, "stereo")


def test_channels() -> None:
    """audioldm_eval hears the first channel alone, av-benchmark the mean: on stereo sound two numbers."""
    np.testing.assert_allclose(Preparation(16000, channels="first")(STEREO), LEFT)
    np.testing.assert_allclose(Preparation(16000)(STEREO), (LEFT + RIGHT) / 2)


def test_the_mean_goes_before_the_rate() -> None:
    """A constant offset is gone whole, also at the ends, where the converter sees zeros beyond."""
    clip = Clip(np.full((1, 4410), 0.25, dtype=np.float32), 44100, "offset")
    assert np.abs(Preparation(16000, without_mean=True)(clip)).max() < 1e-7
    assert np.abs(Preparation(16000)(clip)).max() > 0.2


@pytest.mark.parametrize("peak", ["before", "after"])
def test_peak(peak: str) -> None:
    clip = Clip(np.sin(np.arange(8820) / 40)[None].astype(np.float32) * 0.1, 44100, "tone")
    found = Preparation(16000, peak=peak, peak_dbfs=-6.0)(clip)  # type: ignore[arg-type]
    assert float(np.abs(found).max()) == pytest.approx(10 ** (-6 / 20), rel=1e-6 if peak == "after" else 0.05)


def test_length() -> None:
    """Cut to `longest` seconds, filled up to `shortest` samples."""
    clip = Clip(np.ones((1, 48000), dtype=np.float32), 16000, "three seconds")
    assert len(Preparation(16000, longest=1.5)(clip)) == 24000
    filled = Preparation(16000, shortest=50000)(clip)
    assert len(filled) == 50000
    assert filled[:48000].all() and not filled[48000:].any()


def test_what_is_no_sound_is_refused() -> None:
    for samples in (np.zeros((1, 0), np.float32), np.array([[0.0, np.nan]], np.float32)):
        with pytest.raises(UserError, match="empty or holds NaN"):
            Preparation(16000)(Clip(samples, 16000, "bad"))
