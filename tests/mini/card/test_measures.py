from __future__ import annotations

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.mini.card.measures import shuffled, with_noise
from evalkit.run.anchors import low_passed, white_noise
from evalkit.suites.load import load_suite


def _clip() -> Clip:
    rng = np.random.default_rng(0)
    return Clip((0.1 * rng.standard_normal((2, 16000))).astype(np.float32), 16000, "ab" * 32)


def test_shuffling_leaves_nobody_with_a_prompt_of_the_same_classes() -> None:
    """A shuffled pair that still matches would make the metrics look blind."""
    prompts = load_suite("mini").prompts
    order = shuffled(prompts)
    assert sorted(order) == list(range(len(prompts)))
    assert all(prompts[place].labels != prompts[other].labels for place, other in enumerate(order))


def test_degradations_have_the_strength_they_say() -> None:
    clip = _clip()
    noise = with_noise(clip, 10).samples - clip.samples
    assert np.isclose(10 * np.log10(np.mean(clip.samples**2) / np.mean(noise**2)), 10, atol=0.2)
    spectrum = np.abs(np.fft.rfft(low_passed(clip, 2000).samples[0])) ** 2
    assert spectrum[4000:].sum() < 1e-3 * spectrum[:2000].sum()
    assert np.isclose(white_noise(clip).samples.std(), clip.samples.std(), rtol=0.05)
    assert len({clip.digest, with_noise(clip, 10).digest, low_passed(clip, 2000).digest}) == 3
