"""What a decoder gives of one part of a file, and the one way in which it fails."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from evalkit.audio.clip import FULL_SCALE, Samples

MOST_VALUES = 1 << 28
"""The most samples times channels: 1 GiB of float32, 50 minutes of stereo at 44.1 kHz."""

FREE_VALUES = 1 << 24
"""Samples times channels that any file may hold: three minutes of stereo at 44.1 kHz."""

VALUES_PER_BYTE = 250
"""The most that a byte of a longer file may unpack to. Opus at its lowest rate gives 130. Digital silence as
FLAC gives 300, or 5,000 where it is made for it: that says nothing, and takes the memory of a machine."""

RATES = (1_000, 768_000)
"""Lowest and highest believable sample rate in Hz; a header that says 1 Hz would resample to gigabytes."""

RAILS = MappingProxyType(
    {
        "8-bit": (-1.0, 127 / 128),
        "mu-law": (-32124 / 32768, 32124 / 32768),
        "A-law": (-32256 / 32768, 32256 / 32768),
    }
)
"""The ends of the encodings that reach them before 16-bit full scale (ITU-T G.711)."""

WIDE = (-FULL_SCALE, FULL_SCALE)


@dataclass(frozen=True)
class Decoded:
    """float32 (channels, samples) at `rate` Hz, the encoding's `rails`, and which `reader` decoded it."""

    samples: Samples
    rate: int
    rails: tuple[float, float]
    reader: str


class Undecodable(Exception):
    """Why a part cannot be used: `verdict` is "unreadable" or "truncated", the text one line without a file's name."""

    def __init__(self, reason: str, verdict: str = "unreadable") -> None:
        super().__init__(" ".join(reason.split()))
        self.verdict = verdict


def most_values(size: int) -> int:
    """How many samples times channels a file of `size` bytes may unpack to."""
    return min(MOST_VALUES, max(FREE_VALUES, VALUES_PER_BYTE * size))


def check_rate(rate: int) -> None:
    """Raises Undecodable for a rate that nobody means."""
    if not RATES[0] <= rate <= RATES[1]:
        raise Undecodable(f"its header says {rate} Hz")
