"""Sample-rate conversion: the two converters give what their originals give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.audio.decode import decode
from evalkit.audio.resample import kaiser_best_table, resample, resample_as_librosa, resample_kaiser_best

GOLDEN = Path(__file__).parent / "golden" / "resampy_0_2_2.npz"


@pytest.mark.parametrize("name", ["bark", "noise", "noise_down", "noise_up", "noise_odd"])
def test_kaiser_best_is_resampy_0_2_2(name: str) -> None:
    """To the bit: another filter moves FD-OpenL3 by percents, another order of its terms by 1.4e-3 of itself."""
    with np.load(GOLDEN) as golden:
        rate_from, rate_to = (int(rate) for rate in golden[f"{name}_rates"])
        ours = resample_kaiser_best(golden[f"{name}_in"][None], rate_from, rate_to)[0]
        theirs = golden[f"{name}_out"]
    np.testing.assert_array_equal(ours, theirs)


def test_kaiser_best_length_is_truncated() -> None:
    """OpenL3's frame count hangs on the last sample: resampy takes int(n * ratio), not a rounding."""
    assert resample_kaiser_best(np.zeros((1, 100), np.float32), 44100, 48000).shape == (1, 108)
    assert resample_kaiser_best(np.zeros((2, 0), np.float32), 44100, 48000).shape == (2, 0)
    assert resample_kaiser_best(np.ones((1, 1), np.float32), 48000, 16000).shape == (1, 0)


@pytest.mark.parametrize("count", [1, 4410, 250_000])
def test_kaiser_best_does_not_depend_on_the_route(count: int) -> None:
    """By places or sample by sample: the same bits, also after the running time has strayed, over chunks."""
    from evalkit.audio import resample as module

    sound = np.random.default_rng(3).uniform(-1, 1, (2, count)).astype(np.float32)
    found = resample_kaiser_best(sound, 44100, 48000)
    time = np.cumsum(np.concatenate(([0.0], np.full(found.shape[1] - 1, 1 / (48000 / 44100)))))
    np.testing.assert_array_equal(found, module._at(sound, time, module._kernel(44100, 48000)))


def test_kaiser_best_table_has_its_parameters() -> None:
    table = kaiser_best_table()
    assert table.shape == (64 * 512 + 1,)
    assert table[0] == pytest.approx(0.9475937167399596, abs=1e-15)


def test_channels_are_converted_apart() -> None:
    """A stereo clip must not leak from one side to the other."""
    sound = np.zeros((2, 4410), np.float32)
    sound[0, 2000] = 1.0
    for convert in (resample, resample_kaiser_best):
        out = convert(sound, 44100, 48000)
        assert out.dtype == np.float32
        assert np.abs(out[1]).max() == 0
        assert np.abs(out[0]).max() > 0.8


def test_same_rate_is_an_untouched_copy() -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, (2, 1000)).astype(np.float32)
    for convert in (resample, resample_kaiser_best):
        out = convert(sound, 44100, 44100)
        assert np.array_equal(out, sound)
        assert not np.shares_memory(out, sound)


def test_a_tone_keeps_its_frequency_and_level() -> None:
    """A converter that drifts would shift every mel band."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100).astype(np.float32)[None]
    expected = np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    for convert in (resample, resample_kaiser_best):
        assert np.abs(convert(tone, 44100, 48000)[0, 2000:-2000] - expected[2000:-2000]).max() < 1e-4


def test_both_converters_agree_on_real_recordings(esc10: Path) -> None:
    """Below 18 kHz the two differ by about -89 dB: more than that means that one of them is broken."""
    for path in sorted(esc10.glob("*/*.ogg"))[::40]:
        clip = decode(path)
        first, second = resample(clip.samples, 44100, 48000), resample_kaiser_best(clip.samples, 44100, 48000)
        count = min(first.shape[1], second.shape[1])
        spectrum = np.fft.rfft(first[0, :count] - second[0, :count])[: int(18000 / 48000 * count)]
        whole = np.fft.rfft(first[0, :count])
        assert np.linalg.norm(spectrum) <= 1e-3 * np.linalg.norm(whole)


@pytest.mark.parametrize(
    ("count", "rate_from", "rate_to", "expected"),
    [
        (220_500, 44100, 48000, 240_001),  # 5 s: librosa's ratio in floating point is a bit too large
        (441_000, 44100, 48000, 480_001),
        (132_300, 44100, 48000, 144_000),
        (441_000, 44100, 32000, 320_000),
        (211_681, 44100, 48000, 230_402),
        (48_000, 48000, 48000, 48_000),
    ],
)
def test_lengths_are_librosas(count: int, rate_from: int, rate_to: int, expected: int) -> None:
    """The lengths that `librosa.load(sr=...)` of 0.11.0 gives; CLAP repeats 240,000 samples twice, 240,001 once."""
    samples = np.ones((1, count), dtype=np.float32)
    found = resample_as_librosa(samples, rate_from, rate_to)
    plain = resample(samples, rate_from, rate_to)
    assert found.shape == (1, expected)
    shared = min(expected, plain.shape[1])
    np.testing.assert_array_equal(found[:, :shared], plain[:, :shared])
    assert not found[:, shared:].any()
