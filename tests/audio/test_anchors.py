"""The anchors of MUSHRA keep what they pass, at its place, and nothing above."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.audio.anchors import low_passed

RATE = 48_000


def level(hertz: float, cutoff: float) -> float:
    """dB that a tone has left."""
    time = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * hertz * time).astype(np.float32)[None]
    out = low_passed(tone, RATE, cutoff)[0, RATE // 4 : -RATE // 4]
    return float(20 * np.log10(out.std() / tone.std()))


@pytest.mark.parametrize("hertz", [100, 1000, 3000, 3400, 3500])
def test_the_low_anchor_is_flat_below_its_cutoff(hertz: float) -> None:
    """ITU-R BS.1534-3, 5.1: within 0.1 dB."""
    assert level(hertz, 3500) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(("hertz", "down"), [(4000, 25), (4500, 50), (10_000, 60)])
def test_the_low_anchor_has_nothing_above(hertz: float, down: float) -> None:
    assert level(hertz, 3500) < -down


def test_the_middle_anchor_passes_7_khz() -> None:
    assert level(7000, 7000) == pytest.approx(0, abs=0.1)
    assert level(8500, 7000) < -60


def test_an_anchor_is_at_its_place_in_time() -> None:
    """Else a switch between it and the reference would jump."""
    sound = np.zeros((2, RATE), dtype=np.float32)
    sound[:, 20_000] = 1
    out = low_passed(sound, RATE, 3500)
    assert out.shape == sound.shape
    assert int(np.argmax(out[0])) == 20_000


def test_what_has_nothing_above_stays_as_it_is() -> None:
    sound = np.random.default_rng(0).standard_normal((1, 100)).astype(np.float32)
    assert np.array_equal(low_passed(sound, 8000, 3500), sound)
