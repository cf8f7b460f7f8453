"""What is wrong with a clip, by name.

A verdict is one word in the row of its prompt; `VERDICTS` says in a sentence when each is given, in the
order in which `inspect` returns them. A verdict in `FATAL` makes the item a failed one: no metric sees it
and it is counted beside every number. The others are told and change nothing.

`unreadable` and `truncated` come from decoding (`UnreadableAudio.verdict`), as there is no clip then; the
rest come from `inspect`, but for `near_copy`, which needs a suite's recordings (`evalkit.run.copies`). The
thresholds were set beside 318 recordings of ESC-10, where the largest mean of a channel is 0.0018, the
lowest peak 0.086, and 11 clips have the spectrum of an upsampled file.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from evalkit.audio.clip import SURROUND, Clip, Samples
from evalkit.audio.repeats import repeated

SILENT_PEAK = 1e-4
DC_MEAN = 0.01
CLIPPED_SHARE = 1e-3
LENGTH_SLACK_SECONDS = 0.02
LENGTH_SLACK_SHARE = 0.02
CANCELLED_SHARE = 1e-4
HIGH_BAND_SHARE = 1e-7
INTEGER_PEAK = 16.0
"""24 dB beyond full scale: no model and no mix goes there, and of whole numbers even quiet sounds of 8 bits do."""

VERDICTS = MappingProxyType(
    {
        "unreadable": "The file is not there, not a regular file, or not sound in a format that evalkit reads.",
        "truncated": "The file ends, or stops decoding, before the length that its header promises.",
        "empty": "There is not one sample.",
        "nonfinite": "At least one sample is NaN or infinite.",
        "silent": "No channel moves more than 0.0001 (-80 dB of full scale) away from its mean.",
        "too_many_channels": "The channels are neither one, two nor six (5.1): nobody knows their places.",
        "open_end": "The file does not say how long it is (a pipe, a header never finished): a cut one looks the same.",
        "unread_rest": "Behind the sound are bytes that are neither sound nor tags; they were not read.",
        "short": "More than 2 % and 0.02 s are missing of the seconds that were asked for.",
        "long": "It is more than 2 % and 0.02 s longer than was asked for.",
        "surround": "There are six channels (5.1): folded down to two, or to their mean where a measure is mono.",
        "wrong_rate": "The sample rate is not the one that the model states.",
        "wrong_channels": "The number of channels is not the one that the model states.",
        "integer_scale": "A sample is beyond 16 times full scale: whole numbers (of 16 bits, say) saved as floats and "
        "never divided by their full scale.",
        "clipped": "In some channel, 0.1 % or more of the samples stand at or beyond the ends of the encoding.",
        "dc_offset": "The mean of some channel is farther than 0.01 of full scale from zero.",
        "one_channel_silent": "One of two channels is silent, as above, and the other is not.",
        "dual_mono": "Two channels hold the same samples: a stereo metric sees a mono clip.",
        "anti_phase": "Two channels cancel: their mean holds less than 0.0001 (-40 dB) of their energy.",
        "band_limited": "Less than 1e-7 (-70 dB) of the energy lies in the upper half of the band: upsampled sound.",
        "looped": "At least half a second of it comes again later in it, noise and all. Of 318 real recordings 4 (of "
        "clocks, made longer so) are: where a prompt asks for a clock or an engine, listen.",
        "near_copy": "At least half of it is in a recording of the suite's reference too, noise and all: learned by "
        "heart, or made from it. Only sounds of a suite that has the recordings themselves are held against them.",
    }
)
"""Name -> when it is given, in the order of `inspect`."""

FATAL = frozenset({"unreadable", "truncated", "empty", "nonfinite", "silent", "too_many_channels"})
"""The verdicts that make an item a failed row. A short clip is scored, as a model's window may be shorter than a
prompt asks; a generator that returns one breaks its contract, which is checked apart (run/accept.py)."""

_WINDOW = 2048


def inspect(
    clip: Clip,
    seconds: float | None = None,
    rate: int | None = None,
    channels: int | None = None,
    loops: bool = False,
) -> tuple[str, ...]:
    """The names of all verdicts on a clip, in the order of `VERDICTS`.

    `seconds`, `rate` (Hz) and `channels` are what was asked for or what the model states; None asks
    nothing. `loops` asks for `looped` too, which costs more than all others. Samples that are not finite leave only
    the verdicts that do not need their values.
    """
    found = _form(clip, seconds, rate, channels)
    if "empty" not in found:
        found |= _content(clip) if np.isfinite(clip.samples).all() else {"nonfinite"}
    if loops and not found & FATAL and repeated(clip.samples, clip.rate):
        found.add("looped")
    found |= set(clip.notes)
    return tuple(name for name in VERDICTS if name in found)


def too_short(seconds: float, asked: float) -> bool:
    """Is more missing of the seconds asked for than may be?"""
    return asked - seconds > max(LENGTH_SLACK_SECONDS, LENGTH_SLACK_SHARE * asked)


def _form(clip: Clip, seconds: float | None, rate: int | None, channels: int | None) -> set[str]:
    """What the clip's shape and rate alone give away."""
    found: set[str] = set()
    if not clip.samples.size:
        return {"empty"}
    if seconds is not None:
        if too_short(clip.seconds, seconds):
            found.add("short")
        elif too_short(2 * seconds - clip.seconds, seconds):
            found.add("long")
    if clip.channels > 2:
        found.add("surround" if clip.channels == SURROUND else "too_many_channels")
    if rate is not None and clip.rate != rate:
        found.add("wrong_rate")
    if channels is not None and clip.channels != channels:
        found.add("wrong_channels")
    return found


def _content(clip: Clip) -> set[str]:
    """What finite samples say."""
    found: set[str] = set()
    samples = clip.samples
    sound = samples.astype(np.float64)
    means = sound.mean(axis=1, keepdims=True)
    moving = sound - means
    silent = np.abs(moving).max(axis=1) <= SILENT_PEAK
    if np.abs(means).max() > DC_MEAN:
        found.add("dc_offset")
    if np.abs(samples).max() > INTEGER_PEAK:
        found.add("integer_scale")
    if clipped(samples, clip.rails).mean(axis=1).max() >= CLIPPED_SHARE:
        found.add("clipped")
    if silent.all():
        return found | {"silent"}
    if len(sound) == 2:
        found |= _stereo(moving, silent, bool(np.array_equal(samples[0], samples[1])))
    if _high_share(moving) < HIGH_BAND_SHARE:
        found.add("band_limited")
    return found


def clipped(samples: Samples, rails: tuple[float, float]) -> np.ndarray:
    """Which of (channels, samples) stand at or beyond the ends of their encoding, `Clip.rails`."""
    low, high = rails
    return (samples <= np.float32(low)) | (samples >= np.float32(high))


def _stereo(moving: np.ndarray, silent: np.ndarray, same: bool) -> set[str]:
    if silent.any():
        return {"one_channel_silent"}
    if same:
        return {"dual_mono"}
    mean_energy = np.square(moving.mean(axis=0)).mean()
    return {"anti_phase"} if mean_energy < CANCELLED_SHARE * np.square(moving).mean() else set()


def _high_share(moving: np.ndarray) -> float:
    """The share of the energy above half the Nyquist frequency; 1 for sound too short to tell (a window)."""
    if moving.shape[1] < _WINDOW:
        return 1.0
    frames = sliding_window_view(moving, _WINDOW, axis=1)[:, ::_WINDOW]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=2))).sum(axis=(0, 1))
    total = float(power.sum())
    return float(power[_WINDOW // 4 :].sum()) / total if total > 0 else 1.0
