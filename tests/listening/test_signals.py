"""The checks' sounds are what their answers say."""

from __future__ import annotations

import random

import numpy as np
import pytest

from evalkit.listening.signals import FEWEST_BEEPS, MOST_BEEPS, RATE, beeps, three_tones


@pytest.mark.parametrize("quiet", [0, 1, 2])
def test_over_headphones_one_tone_is_the_quietest_over_loudspeakers_another(quiet: int) -> None:
    """Woods et al. 2017: each ear hears the quiet one 6 dB down; the sum of both channels loses the antiphase one."""
    antiphase = (quiet + 1) % 3
    sound = three_tones(quiet, antiphase)
    places = [slice(int((1.5 * n + 0.2) * RATE), int((1.5 * n + 0.8) * RATE)) for n in range(3)]
    for ear in sound:
        levels = [float(ear[place].std()) for place in places]
        assert int(np.argmin(levels)) == quiet
        assert 20 * np.log10(levels[quiet] / levels[antiphase]) == pytest.approx(-6, abs=0.01)
    mixed = [float(sound.sum(axis=0)[place].std()) for place in places]
    assert int(np.argmin(mixed)) == antiphase


@pytest.mark.parametrize("count", range(FEWEST_BEEPS, MOST_BEEPS + 1))
def test_there_are_as_many_beeps_as_are_to_be_counted(count: int) -> None:
    sound = beeps(count, random.Random(count))[0]
    loud = np.convolve(np.abs(sound) > 0.02, np.ones(960), mode="same") > 0
    assert int((np.diff(loud.astype(int)) == 1).sum()) == count
