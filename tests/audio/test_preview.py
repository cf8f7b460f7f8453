"""A preview must play at the right length and level, be the same bytes for the same sound, and be no worse to hear than
the MP3 that it took the place of."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.audio.clip import Samples
from evalkit.audio.decode import decode, decode_bytes
from evalkit.audio.preview import RATE, preview_bytes
from evalkit.audio.resample import resample, resampled_blocks

EDGES = (
    *(0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300),
    *(6400, 7700, 9500, 12_000, 15_500, 20_000),
)
"""Edges of the critical bands (Zwicker 1961), in Hz."""


def back(data: bytes) -> Samples:
    clip = decode_bytes(data, Path("preview"))
    return resample(clip.samples, clip.rate, RATE)


def scene(seconds: float, rate: int) -> Samples:
    """(2, samples): a glide, hiss that swells, clicks, and a hum, other on each side."""
    rng, t = np.random.default_rng(3), np.arange(int(seconds * rate)) / rate
    hiss = 0.1 * rng.standard_normal((2, t.size)) * np.sin(np.pi * t / seconds) ** 2
    glide = 0.3 * np.sin(2 * np.pi * (300 * t + 400 * t**2))
    clicks = 0.5 * rng.standard_normal(t.size) * (t % 0.5 < 0.003)
    hum = 0.1 * np.sin(2 * np.pi * 120 * t)
    return np.stack([glide + clicks, hum + clicks]).astype(np.float32) + hiss.astype(np.float32)


@pytest.mark.parametrize("rate", [4000, 8000, 15000, 16000, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_preview_has_the_sound_at_its_length_pitch_and_level(rate: int, channels: int) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.float32)
    clip = decode_bytes(preview_bytes(np.stack([tone] * channels), rate), Path("preview"))
    assert (clip.rate, clip.channels) == (RATE, channels)
    assert clip.samples.shape[1] / RATE == pytest.approx(1.0, abs=0.07)
    spectrum = np.abs(np.fft.rfft(clip.samples[0, : RATE // 2]))
    assert spectrum.argmax() * 2 == pytest.approx(440, abs=4)
    assert np.abs(clip.samples[:, 4000:40_000]).max() == pytest.approx(0.5, rel=0.1)


def test_a_preview_does_not_clip_is_small_and_keeps_faint_sounds() -> None:
    noise = np.random.default_rng(1).standard_normal((2, 44100)).astype(np.float32) * 3
    data = preview_bytes(noise, 44100)
    assert len(data) < 20_000
    assert np.abs(back(data)).max() < 1.3
    faint = (0.001 * np.sin(np.arange(16000) / 9)).astype(np.float32)[None]
    assert np.abs(back(preview_bytes(faint, 16000))).max() == pytest.approx(0.001, rel=0.2)


def test_more_than_two_channels_are_their_mean() -> None:
    """Safari plays Opus in WebM of up to two channels."""
    sound = np.zeros((6, 16000), np.float32)
    sound[2] = 0.6 * np.sin(np.arange(16000) / 9)
    found = back(preview_bytes(sound, 16000))
    assert found.shape[0] == 1
    assert np.abs(found[:, 4000:40_000]).max() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_cannot_be_heard_is_refused(bad: float) -> None:
    sound = np.zeros((1, 100), np.float32)
    sound[0, 50] = bad
    with pytest.raises(ValueError, match="NaN or infinity"):
        preview_bytes(sound, 16000)
    with pytest.raises(ValueError, match="no samples"):
        preview_bytes(np.zeros((1, 0), np.float32), 16000)


def test_a_sound_of_few_samples_has_a_preview() -> None:
    for count in (1, 2, 100):
        assert back(preview_bytes(np.full((1, count), 0.1, np.float32), 44100)).shape[0] == 1


def test_a_preview_is_the_same_bytes_each_time() -> None:
    """A page is the same file for the same runs; WebM's identities are random numbers where nobody says otherwise."""
    sound = scene(2.5, 44_100)
    first = preview_bytes(sound, 44_100)
    assert preview_bytes(sound, 44_100) == first


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 96_000])
def test_blocks_are_the_whole(rate: int) -> None:
    sound = scene(4, rate)
    blocks = np.concatenate(list(resampled_blocks(sound.T, rate, RATE)))
    np.testing.assert_allclose(blocks.T, resample(sound, rate, RATE), atol=1e-6)


def heard(sound: Samples, coded: Samples) -> tuple[float, float]:
    """(share of the cells in which the noise lies over the mask, mean change of a band's level in dB), a cell being a
    block of 43 ms and a critical band. The mask is the sound's own level spread over the bands, 10 dB a band
    upwards and 25 downwards, less 8 dB."""
    count = min(sound.shape[1], coded.shape[1])
    own, other, noise = (
        _bands(each.mean(axis=0)[:count]) for each in (sound, coded, sound[:, :count] - coded[:, :count])
    )
    places = np.arange(own.shape[1])
    apart = places[None] - places[:, None]
    mask = own @ 10 ** ((np.where(apart >= 0, -10.0 * apart, 25.0 * apart) - 8) / 10)
    floor, live = 1e-8 * own.sum(axis=1).max(), own.sum(axis=1) > 1e-5 * own.sum(axis=1).max()
    over = noise[live] > np.maximum(mask, floor)[live]
    change = 10 * np.log10(np.maximum(own, floor) / np.maximum(other, floor))[live]
    return float(over.mean()), float(np.abs(change).mean())


def _bands(sound: Samples) -> np.ndarray:
    blocks = np.lib.stride_tricks.sliding_window_view(sound, 2048)[::1024] * np.hanning(2048)
    power, hertz = np.abs(np.fft.rfft(blocks, axis=1)) ** 2, np.fft.rfftfreq(2048, 1 / RATE)
    spans = zip(EDGES, EDGES[1:], strict=False)
    return np.stack([power[:, (hertz >= low) & (hertz < high)].sum(axis=1) for low, high in spans], axis=1)


KINDS = ("rain", "dog_bark", "rooster", "clock_tick", "sea_waves", "chainsaw", "helicopter")


def test_previews_are_no_worse_than_the_mp3s_were(esc10: Path) -> None:
    """LAME by libsndfile at compression 0.8 is what reports had before; on recordings, as a benchmark has them. Taken
    together they are nearer by both counts, and none is much further off: a rooster in silence is (0.08, 2.2 dB) where
    the MP3 was (0.07, 1.5 dB), as its faintest bands are left out."""
    before, now = [], []
    for kind in KINDS:
        clip = decode(sorted((esc10 / kind).glob("*.ogg"))[3])
        sound = resample(clip.samples, clip.rate, RATE)
        with io.BytesIO() as file:
            soundfile.write(file, clip.samples.T, clip.rate, "MPEG_LAYER_III", format="MP3", compression_level=0.8)
            before.append(heard(sound, back(file.getvalue())))
        now.append(heard(sound, back(preview_bytes(clip.samples, clip.rate))))
    over, moved = (dict(zip(KINDS, pair, strict=True)) for pair in np.stack([before, now], axis=1).transpose(2, 0, 1))
    for kind in KINDS:
        assert over[kind][1] <= over[kind][0] + 0.03, (kind, over)
        assert moved[kind][1] <= moved[kind][0] + 1, (kind, moved)
    assert (np.mean(now, axis=0) < 0.75 * np.mean(before, axis=0)).all(), (before, now)
