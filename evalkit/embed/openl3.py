"""OpenL3 frames of a clip, as FD-OpenL3 reads them.

Rules of stable-audio-metrics at fd55536 (`src/openl3_fd.py`, batched path) and openl3 0.4.2 (`core.py`
17-35, 73-93; research A1.1): peak at -1 dBFS over both channels together, before resampling; soxr HQ to
44.1 kHz; resampy 0.2.2's `kaiser_best` to 48 kHz; half a second of zeros on the left; one-second windows
every half second, zeros on the right until all samples are covered. Left and right are embedded apart and
set side by side, (frames, 2 d).

A mono clip, or one whose channels are equal to the bit, is embedded once and its features stand for both
sides: the same numbers as embedding it twice, at half the cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.level import peak_normalize
from evalkit.audio.resample import resample, resample_kaiser_best
from evalkit.core.errors import UserError
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.batching import Array, in_batches
from evalkit.fetch.tensors import digest, load_into, read_tensors
from evalkit.fetch.weights import read_config, weights_file
from evalkit.nets.openl3 import OpenL3, OpenL3Config

PEAK_DBFS = -1.0
MIDDLE_RATE = 44100
"""stable-audio-metrics brings every file to this rate first; full parity keeps the detour."""

HOP_SECONDS = 0.5


class OpenL3Embedder:
    """An Embedder: float32 (frames, 2 * embedding) per clip, left beside right, a frame every half second."""

    spec: EmbedderSpec

    def __init__(self, spec: EmbedderSpec, net: OpenL3, device: str = "cpu", batch: int = 16) -> None:
        """`batch` is one-second windows per forward pass; it changes speed and memory only."""
        self.spec, self._device, self._batch = spec, device, batch
        # Channels last in memory halves the time on a CPU and changes nothing else.
        self._net = net.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    @torch.inference_mode()
    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises UserError for a clip that is empty, holds NaN or has more than two channels."""
        found = in_batches(self._windows(clips), self._batch, self._forward)
        sides = [(found[2 * index], found.get(2 * index + 1, found[2 * index])) for index in range(len(clips))]
        return [np.concatenate(pair, axis=1) for pair in sides]

    def _windows(self, clips: Sequence[Clip]) -> Iterator[tuple[int, Array]]:
        """Windows under the number of their clip and channel: 2 * clip + channel."""
        for index, clip in enumerate(clips):
            for channel, samples in enumerate(prepare(clip, self._net.config.rate)):
                for window in frames(samples, self._net.config.rate):
                    yield 2 * index + channel, window

    def _forward(self, audio: Array) -> Array:
        rows = self._net(torch.from_numpy(audio).to(self._device))
        return np.asarray(rows.float().cpu().numpy())


def prepare(clip: Clip, rate: int) -> Samples:
    """(1 or 2, samples) at `rate` Hz: one row where both channels are the same.

    Raises UserError for a clip that is empty, holds NaN or has more than two channels.
    """
    if clip.samples.shape[1] == 0 or not np.isfinite(clip.samples).all():
        raise UserError("a clip for OpenL3 is empty or holds NaN", "such a file is a failed item; leave it out")
    if clip.channels > 2:
        raise UserError(f"OpenL3 reads mono or stereo, not {clip.channels} channels", "mix it down to stereo first")
    alike = clip.channels == 2 and np.array_equal(clip.samples[0], clip.samples[1])
    samples = peak_normalize(clip.samples[:1] if alike else clip.samples, PEAK_DBFS)
    return resample_kaiser_best(resample(samples, clip.rate, MIDDLE_RATE), MIDDLE_RATE, rate)


def frames(samples: Array, rate: int) -> list[Array]:
    """One-second windows (rate,) of (samples,), every half second, the first centred on the start."""
    hop = int(HOP_SECONDS * rate)
    length = len(samples) + rate // 2
    count = 1 + max(0, -(-(length - rate) // hop))
    padded = np.zeros((count - 1) * hop + rate, dtype=np.float32)
    padded[rate // 2 : length] = samples
    return [padded[start : start + rate] for start in range(0, count * hop, hop)]


def load(name: str, folder: Path, device: str = "cpu") -> OpenL3Embedder:
    """From a folder with `model.safetensors` and `config.json`, or a safetensors file (published sizes).

    Raises MissingWeights or BadCheckpoint.
    """
    path = weights_file(folder)
    config = read_config(folder, OpenL3Config)
    net = OpenL3(config)
    tensors = read_tensors(path)
    counters = [key for key in net.state_dict() if key.endswith("num_batches_tracked")]
    load_into(net, tensors, path, ignore=counters)
    settings = {
        "peak_dbfs": PEAK_DBFS,
        "rates": [MIDDLE_RATE, config.rate],
        "hop_seconds": HOP_SECONDS,
        "channels": "left beside right",
        "front_end": "kapre 0.3.7",
        **asdict(config),
    }
    return OpenL3Embedder(EmbedderSpec(name, "openl3", 2 * config.embedding, digest(path), settings), net, device)
