"""OpenL3, as stable-audio-metrics takes its frames and as the package openl3 does by itself.

Stable-audio-metrics sets the channels side by side, goes by way of 44.1 kHz, and takes a frame every half second; its
path without batches hears the mean of the channels twice. openl3 by itself hears the mean, converts once, by the filter
of whichever resampy is installed, and takes a frame every 0.1 s. Level is no choice: the network hears decibels under
each second's own maximum.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.level import peak_normalize
from evalkit.audio.resample import resample, resample_kaiser_best
from evalkit.audio.resampy import resample_as_resampy
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.embed.base import Features
from evalkit.embed.load import load_embedder
from evalkit.embed.openl3 import MIDDLE_RATE, PEAK_DBFS, OpenL3Embedder, frames
from evalkit.protocols.base import Setting
from evalkit.run.hearing.base import Fed, Hearing, Network, Taken
from evalkit.store.spill import Pile

_CHANNELS = ("left beside right", "mean", "mean twice")
_CONVERTERS = ("44.1 kHz, resampy 0.2", "resampy 0.2", "resampy 0.3")
_LONGEST = (0.0, 10.0)
_HOPS, _CENTRED = (0.5, 0.1), (True, False)


@dataclass(frozen=True)
class Sides:
    """What is heard of a clip: which `channels`, by which `converter`, at most how many seconds (`longest`; 0: all)."""

    channels: str = _CHANNELS[0]
    converter: str = _CONVERTERS[0]
    longest: float = 0.0

    @property
    def facts(self) -> Mapping[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Frames:
    """A frame every `hop` seconds, the first centred on the start or beginning there; all of them are rows, or of each
    clip their mean (`pooled`)."""

    hop: float = 0.5
    centred: bool = True
    pooled: bool = False

    @property
    def facts(self) -> Mapping[str, object]:
        return asdict(self)

    @property
    def part(self) -> Hashable:
        return self.hop, self.centred

    @property
    def after(self) -> Hashable:
        return self.pooled


class OpenL3Hearing:
    """A Hearing. Windows that are alike are embedded once, of whichever way they are."""

    def __init__(self, judge: OpenL3Embedder) -> None:
        self.name, self._judge = judge.spec.name, judge

    def feeds(self, short: bool) -> list[Fed]:
        return [Sides(*each) for each in itertools.product(_CHANNELS, _CONVERTERS, _LONGEST)]

    def takes(self) -> list[Taken]:
        return [Frames(*each) for each in itertools.product(_HOPS, _CENTRED, (False, True))]

    def is_short(self, clip: Clip) -> bool:
        return False

    def embedded(self, clip: Clip, pile: Pile) -> Mapping[tuple[Fed, Hashable], str]:
        """Raises UserError for a clip that is empty, holds NaN or has more than two channels."""
        if clip.samples.shape[1] == 0 or not np.isfinite(clip.samples).all():
            raise UserError("a clip is empty or holds NaN", "such a file is a failed item; leave it out")
        found: dict[tuple[Fed, Hashable], str] = {}
        known: dict[str, Features] = {}
        for converter, longest in itertools.product(_CONVERTERS, _LONGEST):
            for hop, centred in itertools.product(_HOPS, _CENTRED):
                rows = [
                    self._rows(cut(each, longest, self._judge.rate), hop, centred, known)
                    for each in converted(clip, converter, self._judge.rate)
                ]
                for channels in _CHANNELS:
                    joined = _joined(rows, channels)
                    key = digest_bytes(joined.tobytes())
                    if key not in pile:
                        pile.put(key, joined)
                    found[Sides(channels, converter, longest), (hop, centred)] = key
        return found

    def _rows(self, samples: Samples, hop: float, centred: bool, known: dict[str, Features]) -> Features:
        windows = frames(samples, self._judge.rate, hop, centred)
        keys = [digest_bytes(each.tobytes()) for each in windows]
        fresh = {key: each for key, each in zip(keys, windows, strict=True) if key not in known}
        if fresh:
            known |= dict(zip(fresh, self._judge.embed_windows(np.stack(list(fresh.values()))), strict=True))
        return np.stack([known[key] for key in keys])

    def finished(self, rows: Features, taken: Taken) -> Features:
        assert isinstance(taken, Frames)
        return rows.mean(axis=0, keepdims=True) if taken.pooled else rows

    def of_protocol(self, settings: Mapping[str, Setting], short: bool) -> tuple[Fed, Taken]:
        return Sides(), Frames()

    def embed_text(self, texts: Sequence[str]) -> Features:
        raise NotImplementedError("OpenL3 reads no text")


def converted(clip: Clip, converter: str, rate: int) -> Iterator[Samples]:
    """Left, right and mean of a clip, each (samples,) at `rate`."""
    sound = peak_normalize(clip.stereo(), PEAK_DBFS)
    for each in (sound[:1], sound[-1:], sound.mean(axis=0, keepdims=True, dtype=np.float32)):
        if converter == _CONVERTERS[0]:
            each = resample(each, clip.rate, MIDDLE_RATE)
        first = MIDDLE_RATE if converter == _CONVERTERS[0] else clip.rate
        by = resample_as_resampy if converter == _CONVERTERS[2] else resample_kaiser_best
        yield by(each, first, rate)[0]


def cut(samples: Samples, longest: float, rate: int) -> Samples:
    return samples[: round(longest * rate)] if longest else samples


def _joined(rows: Sequence[Features], channels: str) -> Features:
    left, right, mean = rows
    if channels == "mean":
        return mean
    return np.concatenate([mean, mean] if channels == "mean twice" else [left, right], axis=1)


def load(network: Network) -> Hearing:
    """Raises as `load_embedder` does."""
    judge = load_embedder(network.weights, overrides={} if network.path is None else {network.weights: network.path})
    assert isinstance(judge, OpenL3Embedder)
    return OpenL3Hearing(judge)
