"""What a protocol does to a clip before its network hears it, as one record instead of a copy in every judge.

Toolkits that name one network prepare its sound differently: which channel, whether the mean is taken off, by which
converter, how long. Each such choice moves the number, so all of them stand in the record, and the record in the
embedder's settings. The order is that of all toolkits read: channel, mean, peak, rate, peak, length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

import numpy as np

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.julius import resample_as_julius
from evalkit.audio.level import divide_by_peak, peak_normalize
from evalkit.audio.resample import resample_as_librosa
from evalkit.audio.resampy import resample_as_resampy
from evalkit.audio.sinc import resample_as_torchaudio
from evalkit.core.errors import UserError

VERSION = 2
"""Raised with whatever moves a last bit of what is prepared, so that cached features are not taken for new ones. 2: the
conversions and peaks are rounded as torch and stable-audio-tools round them."""

Converter = Literal["torchaudio.functional", "torchaudio.transforms", "torchaudio.kaiser", "soxr", "julius", "resampy"]

_CONVERTERS: Mapping[str, Callable[[Samples, int, int], Samples]] = {
    "soxr": resample_as_librosa,
    "torchaudio.functional": resample_as_torchaudio,
    "torchaudio.transforms": partial(resample_as_torchaudio, form="transform"),
    "torchaudio.kaiser": partial(resample_as_torchaudio, form="kaiser"),
    "julius": resample_as_julius,
    "resampy": resample_as_resampy,
}


@dataclass(frozen=True)
class Preparation:
    """To mono at `rate` Hz: `channels` "mean" or the "first"; `without_mean` takes the clip's mean off; `peak_dbfs` is
    where the peak goes, `peak` whether "before" the conversion, in the arithmetic of stable-audio-tools, or "after" it,
    in that of pyloudnorm ("" nowhere); `converter` as which library converts. Then at most `longest` seconds stay (0:
    all), and zeros fill up to `shortest` samples.
    """

    rate: int
    channels: Literal["mean", "first"] = "mean"
    without_mean: bool = False
    converter: Converter = "torchaudio.functional"
    peak: Literal["", "before", "after"] = ""
    peak_dbfs: float = -1.0
    longest: float = 0.0
    shortest: int = 0

    @property
    def settings(self) -> dict[str, object]:
        """What an embedder's settings say of it: every field, and by which version."""
        return {**asdict(self), "preparation_version": VERSION}

    def __call__(self, clip: Clip) -> Samples:
        """(samples,) float32. Raises UserError for a clip that is empty or holds NaN."""
        return self.cut(self.converted(clip))

    def converted(self, clip: Clip) -> Samples:
        """(samples,) float32 of all of the clip, before :meth:`cut`. Raises as a call does."""
        _require_sound(clip.samples)
        mono = clip.mono()[None] if self.channels == "mean" else clip.samples[:1]
        if self.without_mean:
            mono = mono - mono.mean(dtype=np.float64).astype(np.float32)
        if self.peak == "before":
            mono = divide_by_peak(mono, self.peak_dbfs)
        found = _CONVERTERS[self.converter](mono, clip.rate, self.rate)
        _require_sound(found)  # numbers near the end of float32 have sums beyond it
        if self.peak == "after":
            found = peak_normalize(found, self.peak_dbfs)
        return found[0]

    def cut(self, converted: Samples) -> Samples:
        """(samples,) as long as is asked for."""
        kept = converted[: round(self.longest * self.rate)] if self.longest else converted
        return np.pad(kept, (0, max(0, self.shortest - len(kept))))


def _require_sound(samples: Samples) -> None:
    if samples.shape[1] == 0 or not np.isfinite(samples).all():
        raise UserError("a clip is empty or holds NaN", "such a file is a failed item; leave it out")
