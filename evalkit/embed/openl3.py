"""OpenL3 frames of a clip, as FD-OpenL3 reads them.

Rules of stable-audio-metrics at fd55536 (`src/openl3_fd.py`, batched path) and openl3 0.4.2 (`core.py`
17-35, 73-93): peak at -1 dBFS over both channels together, before resampling; soxr HQ to
44.1 kHz; resampy 0.2.2's `kaiser_best` to 48 kHz; half a second of zeros on the left; one-second windows
every half second, zeros on the right until all samples are covered. Left and right are embedded apart and
set side by side, (frames, 2 d).

A mono clip, or one whose channels are equal to the bit, is embedded once and its features stand for both
sides: the same numbers as embedding it twice, at half the cost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from evalkit.audio.clip import SURROUND, Clip, Samples
from evalkit.audio.level import peak_normalize
from evalkit.audio.resample import resample, resample_kaiser_best
from evalkit.checkpoints.building import built_from
from evalkit.checkpoints.keras import is_keras_file, read_layers
from evalkit.checkpoints.own_layout import read_config, read_weights
from evalkit.checkpoints.tensors import digest_of, load_into
from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.batching import Array, in_batches
from evalkit.embed.log_mel import LogMel
from evalkit.nets.openl3 import OpenL3, OpenL3Config, tensors_of_keras

PEAK_DBFS = -1.0
MIDDLE_RATE = 44100
"""stable-audio-metrics brings every file to this rate first; full parity keeps the detour."""

HOP_SECONDS = 0.5

_CONTENTS = ("env", "music")
_COUNTER = ("num_batches_tracked",)
_READ_FROM = "OpenL3's published .h5 and .h5.gz, safetensors, or a folder with model.safetensors and config.json"
_PUBLISHED_NAME = re.compile(r"openl3_audio_(?P<bands>linear|mel128|mel256)_(?P<content>env|music)")


class OpenL3Embedder:
    """An Embedder: float32 (frames, 2 * embedding) per clip, left beside right, a frame every half second."""

    spec: EmbedderSpec

    def __init__(self, spec: EmbedderSpec, net: OpenL3, device: str = "cpu", batch: int = 16) -> None:
        """`batch` is one-second windows per forward pass; it changes speed and memory only."""
        self.spec, self._device, self._batch = spec, device, batch
        self._front = LogMel(net.config)
        # Channels last in memory halves the time on a CPU and changes nothing else.
        self._net = net.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        if torch.device(device).type == "cpu":
            self._net.prepare_for_inference()

    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises UserError for a clip that is empty, holds NaN or has more than two channels."""
        return self.through(map(self.front, clips))

    def front(self, clip: Clip) -> list[Array]:
        """Decibels (windows, 1, n_mels, frames) of one channel, or of both. Raises as `embed` does."""
        rate = self._net.config.rate
        return [self._front(np.stack(frames(samples, rate))) for samples in prepare(clip, rate)]

    @torch.inference_mode()
    def through(self, fronts: Iterable[list[Array]]) -> list[Features]:
        """Float32 (frames, 2 * embedding) for what `front` gave of each clip."""
        channels: list[int] = []
        found = in_batches(_windows(fronts, channels), self._batch, self._forward)
        sides = [(found[2 * index], found[2 * index + count - 1]) for index, count in enumerate(channels)]
        return [np.concatenate(pair, axis=1) for pair in sides]

    @property
    def rate(self) -> int:
        """Hz, of what the network hears."""
        return self._net.config.rate

    @torch.inference_mode()
    def embed_windows(self, windows: Array) -> Features:
        """Float32 (windows, embedding) of one channel's windows of a second, (windows, rate)."""
        parts = [windows[start : start + self._batch] for start in range(0, len(windows), self._batch)]
        return np.concatenate([self._forward(self._front(part)) for part in parts])

    def _forward(self, decibels: Array) -> Array:
        return np.asarray(self._net(torch.from_numpy(decibels).to(self._device)).float().cpu().numpy())


def _windows(fronts: Iterable[list[Array]], channels: list[int]) -> Iterator[tuple[int, Array]]:
    """Windows under the number of their clip and channel: 2 * clip + channel; `channels` hears how many a clip has."""
    for index, sides in enumerate(fronts):
        channels.append(len(sides))
        for channel, windows in enumerate(sides):
            for window in windows:
                yield 2 * index + channel, window


def prepare(clip: Clip, rate: int) -> Samples:
    """(1 or 2, samples) at `rate` Hz: one row where both channels are the same.

    Raises UserError for a clip that is empty, holds NaN or has more than two channels.
    """
    if clip.samples.shape[1] == 0 or not np.isfinite(clip.samples).all():
        raise UserError("a clip for OpenL3 is empty or holds NaN", "such a file is a failed item; leave it out")
    if clip.channels not in (1, 2, SURROUND):
        raise UserError(f"OpenL3 reads mono or stereo, not {clip.channels} channels", "mix it down to stereo first")
    sound = clip.stereo()
    alike = len(sound) == 2 and np.array_equal(sound[0], sound[1])
    samples = peak_normalize(sound[:1] if alike else sound, PEAK_DBFS)
    return resample_kaiser_best(resample(samples, clip.rate, MIDDLE_RATE), MIDDLE_RATE, rate)


def frames(samples: Array, rate: int, seconds: float = HOP_SECONDS, centred: bool = True) -> list[Array]:
    """One-second windows (rate,) of (samples,), one every so many `seconds`; the first is centred on the start, or
    begins there."""
    hop, before = int(seconds * rate), rate // 2 if centred else 0
    length = len(samples) + before
    count = 1 + max(0, -(-(length - rate) // hop))
    padded = np.zeros((count - 1) * hop + rate, dtype=np.float32)
    padded[before:length] = samples
    return [padded[start : start + rate] for start in range(0, count * hop, hop)]


def load(name: str, path: Path, device: str = "cpu") -> OpenL3Embedder:
    """From a published Keras file (.h5, .h5.gz), a folder with `model.safetensors` and `config.json`, or a
    safetensors or torch file of the network's own names (published sizes).

    Raises MissingWeights or BadCheckpoint, also where the name of a published file says that it is another
    network than `name` stands for.
    """
    net = read_network(name, path)
    config = net.config
    settings = {
        "peak_dbfs": PEAK_DBFS,
        "rates": [MIDDLE_RATE, config.rate],
        "hop_seconds": HOP_SECONDS,
        "channels": "left beside right",
        "front_end": "kapre 0.3.7, rounded as TensorFlow on a CPU",
        "kaiser_best": "resampy 0.2.2, summed in float32",
        **asdict(config),
        **net.arithmetic,
    }
    return OpenL3Embedder(
        EmbedderSpec(name, "openl3", 2 * config.embedding, digest_of(net, _COUNTER), settings), net, device
    )


def read_network(name: str, path: Path) -> OpenL3:
    """The network of a file or folder that :func:`load` reads. Raises as it does."""
    if path.is_file() and is_keras_file(path):
        _check_published_name(name, path)
        return network_of_keras(path, OpenL3Config())
    return _network_of_tensors(path)


def network_of_keras(path: Path, config: OpenL3Config) -> OpenL3:
    """The network of these sizes with the weights of a Keras file: eight times BatchNorm and convolution.

    The file's layers are taken by order and shape, as Keras does; their names carry arbitrary numbers. It
    says neither the bands nor the dimensions, as no weight depends on them. Raises BadCheckpoint, naming
    layers of the file, where their number or shapes are others.
    """
    net = OpenL3(config)
    try:
        tensors = tensors_of_keras(read_layers(path))
    except ValueError as error:
        raise BadCheckpoint(f"{path}: {error}", "evalkit reads OpenL3's audio network from such files") from None
    load_into(net, tensors, path, ignore=_counters(net))
    return net


def _network_of_tensors(path: Path) -> OpenL3:
    config = read_config(path, OpenL3Config)
    with built_from(path):
        net = OpenL3(config)
    load_into(net, read_weights(path, _READ_FROM), path, ignore=_counters(net))
    return net


def _counters(net: OpenL3) -> list[str]:
    """torch counts BatchNorm's training steps; neither format needs to."""
    return [key for key in net.state_dict() if key.endswith(_COUNTER)]


def _check_published_name(name: str, path: Path) -> None:
    """A file of another content type or front end has the same shapes, and would score without an error."""
    said = _PUBLISHED_NAME.search(path.name)
    wanted = name.removeprefix("openl3-")
    if said is None or wanted not in _CONTENTS:
        return
    if said["bands"] != "mel256" or said["content"] != wanted:
        raise BadCheckpoint(
            f"{path}: by its name it is OpenL3 {said['bands']} {said['content']}; {name} stands for mel256 {wanted}",
            f"openl3_audio_mel256_{wanted}.h5 or its -v0_4_0.h5.gz is the file",
        )
