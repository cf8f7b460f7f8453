"""stable-audio-mini with a negative prompt, from a sound, and with silence cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from evalkit.audio.encode import wav_bytes
from evalkit.core.errors import UserError
from evalkit.generators.stable_audio.generator import StableAudioGenerator, cut
from evalkit.generators.stable_audio.init_audio import check_init, read_init
from evalkit.generators.stable_audio.sampling_options import read_options

FAST = {
    "steps": 4,
    "cfg": 7.0,
    "sampler": "dpmpp-2m",
    "sigma_min": 0.01,
    "sigma_max": 100.0,
    "eta": 0.0,
}
RATE = 16000


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A stereo sweep of 1 s at 22.05 kHz."""
    time = np.arange(22050) / 22050
    wave = 0.4 * np.sin(2 * np.pi * (200 + 1500 * time) * time)
    soundfile.write(tmp_path / "sweep.wav", np.stack([wave, 0.5 * wave], axis=1), 22050)
    return tmp_path / "sweep.wav"


def _make(generator: StableAudioGenerator, **options: object) -> NDArray[np.float32]:
    return generator.generate(["a dog barking"], [2.0], [3], {**FAST, **options}).audio[0]


def test_a_negative_prompt_takes_the_place_of_nothing(generator: StableAudioGenerator) -> None:
    plain, away = _make(generator), _make(generator, negative_prompt="rain")
    assert np.abs(plain - away).max() > 1e-3
    assert np.array_equal(away, _make(generator, negative_prompt="rain"))


def test_the_prompt_as_its_own_negative_leaves_no_guidance(generator: StableAudioGenerator) -> None:
    """v_neg + cfg (v - v_neg) = v where both are told the same; CLAP's padding rows are zeroed in the negative one,
    as published, so that the two differ by those alone."""
    same, unguided = _make(generator, negative_prompt="a dog barking"), _make(generator, cfg=1.0)
    other = _make(generator, negative_prompt="rain")
    assert np.abs(same - unguided).max() < np.abs(other - unguided).max()


def test_an_item_with_every_option_does_not_depend_on_its_batch(generator: StableAudioGenerator, sweep: Path) -> None:
    options = {
        **FAST,
        "negative_prompt": "rain",
        "init_audio": str(sweep),
        "init_noise_level": 2.0,
        "cfg_rescale": 0.4,
        "sampler": "dpmpp-2m-sde",
        "eta": 1.0,
    }
    prompts, seconds, seeds = ["a dog", "a siren far away", "steps"], [1.0, 2.0, 5.0], [1, 2, 3]
    together = generator.generate(prompts, seconds, seeds, options)
    for index in range(3):
        alone = generator.generate(prompts[index : index + 1], [seconds[index]], [seeds[index]], options)
        assert np.abs(alone.audio[0] - together.audio[index]).max() <= 1e-5


def test_the_less_noise_the_nearer_to_the_sound(generator: StableAudioGenerator, sweep: Path) -> None:
    """Starting from a sound must start from that sound, at its place in time, and from nowhere else."""
    wanted = read_init(sweep, RATE, 2, 2 * RATE)[0]

    def likeness(level: float) -> float:
        made = _make(generator, cfg=1.0, init_audio=str(sweep), init_noise_level=level)[0, : len(wanted)]
        return float(np.corrcoef(made, wanted)[0, 1])

    near, far = likeness(0.05), likeness(50.0)
    assert near > 0.5
    assert far < near - 0.3


def test_a_sound_to_start_from_is_brought_to_the_models_form(sweep: Path, tmp_path: Path) -> None:
    found = read_init(sweep, RATE, 2, 12000)
    assert found.shape == (2, 12000)
    assert found.dtype == np.float32
    assert np.allclose(found[1], found[0] / 2, atol=1e-4)
    assert read_init(sweep, RATE, 1, 99999).shape == (1, 16000)
    soundfile.write(tmp_path / "mono.wav", np.zeros(100), RATE)
    assert read_init(tmp_path / "mono.wav", RATE, 2, 99999).shape == (2, 100)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(UserError, match=r"init audio .*text\.wav"):
        read_init(tmp_path / "text.wav", RATE, 2, 99999)


def test_silence_at_the_end_is_cut_where_that_is_asked() -> None:
    window = np.zeros((2, 1000), dtype=np.float32)
    window[0, :300], window[1, 299], window[0, 600] = 0.5, 0.002, 0.5
    trimmed, plain = read_options({**FAST, "trim_silence": -60}), read_options(FAST)
    assert cut(window, 500, plain).shape == (2, 500)
    assert cut(window, 500, trimmed).shape == (2, 300)
    assert cut(np.zeros_like(window), 500, trimmed).shape == (2, 500), "its verdict says that it is silent"


def test_a_trimmed_sound_says_so(generator: StableAudioGenerator) -> None:
    made = generator.generate(["rain"], [1.0], [1], {**FAST, "trim_silence": -1})
    assert made.trimmed
    assert not generator.generate(["rain"], [1.0], [1], FAST).trimmed


@pytest.mark.parametrize(
    ("data", "told"), [(b"", "is empty"), (b"<html>", "not"), (b"silent", "silent"), (b"cut", "cut")]
)
def test_a_sound_that_cannot_be_started_from_is_told_before_the_model_is_loaded(
    data: bytes, told: str, generator: StableAudioGenerator, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 4000)).astype(np.float32)
    made = {b"silent": wav_bytes(noise * 0, 8000), b"cut": wav_bytes(noise, 8000)[:5000]}
    (tmp_path / "init.wav").write_bytes(made.get(data, data))
    with pytest.raises(UserError, match=f"init audio .*{told}"):
        check_init(tmp_path / "init.wav")
    with pytest.raises(UserError, match="init audio"):
        generator.check_options({**FAST, "init_audio": str(tmp_path / "init.wav")})
