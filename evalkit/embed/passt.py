"""PaSST class probabilities of a clip, as KL-PaSST reads them.

Rules of stable-audio-metrics at fd55536 (`src/passt_kld.py` 45-109): mean of the
channels, resampled to 32 kHz by soxr HQ, peak at -1 dBFS, windows of 10 s every 5 s, the last one padded with
zeros; a whole clip of 1.5 s or less is fed as it is; logits are averaged over windows, then softmax. Rate
and seconds come from the config, so a mini may have shorter windows.

One thing is ours: the original fails for clips too short for one patch (0.15 s); here they are padded to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from evalkit.audio.clip import Clip
from evalkit.audio.preparation import Preparation
from evalkit.checkpoints.building import built_from
from evalkit.checkpoints.own_layout import read_config, read_weights
from evalkit.checkpoints.tensors import digest_of, load_into
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.batching import Array, in_batches
from evalkit.nets.passt import PaSST, PaSSTConfig

PEAK_DBFS = -1.0
_READ_FROM = "PaSST's published .pt, safetensors, or a folder with model.safetensors and config.json"


class PaSSTEmbedder:
    """An Embedder: float32 (1, classes) probabilities per clip, which sum to 1."""

    spec: EmbedderSpec

    def __init__(self, spec: EmbedderSpec, net: PaSST, device: str = "cpu", batch: int = 16) -> None:
        """`batch` is windows per forward pass; it changes speed and memory only."""
        self.spec, self._net, self._device, self._batch = spec, net.to(device).eval(), device, batch

    @torch.inference_mode()
    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises UserError for a clip that is empty or holds NaN."""
        return [_softmax(rows.mean(axis=0, keepdims=True, dtype=np.float64)) for rows in self.logits(clips)]

    @torch.inference_mode()
    def logits(self, clips: Sequence[Clip]) -> list[Features]:
        """float32 (windows, classes) per clip, before the mean over windows. Raises UserError as `embed` does."""
        found = in_batches(self._windows(clips), self._batch, self._forward)
        return [found[index] for index in range(len(clips))]

    def _windows(self, clips: Sequence[Clip]) -> Iterator[tuple[int, Array]]:
        for index, clip in enumerate(clips):
            for window in windows(prepare(clip, self._net.config.rate), self._net.config):
                yield index, window

    def _forward(self, audio: Array) -> Array:
        logits = self._net(torch.from_numpy(audio).to(self._device))
        return np.asarray(logits.float().cpu().numpy())


def prepare(clip: Clip, rate: int) -> Array:
    """(samples,) mono at `rate` Hz with its peak at -1 dBFS. Raises UserError for a clip that is empty or holds NaN."""
    return Preparation(rate, converter="soxr", peak="after", peak_dbfs=PEAK_DBFS)(clip)


def windows(samples: Array, config: PaSSTConfig) -> list[Array]:
    """The pieces of (samples,) that are fed to the network, each (window,), or the whole where it is short."""
    size, step = round(config.window_seconds * config.rate), round(config.step_seconds * config.rate)
    if len(samples) <= round(config.short_seconds * config.rate):
        return [np.pad(samples, (0, max(0, config.shortest + 1 - len(samples))))]
    starts = range(0, max(step, len(samples) - step), step)
    pieces = [samples[start : start + size] for start in starts]
    return [np.pad(piece, (0, size - len(piece))) for piece in pieces]


def _softmax(logits: np.ndarray) -> Features:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)


def load(name: str, folder: Path, device: str = "cpu") -> PaSSTEmbedder:
    """From a folder with `model.safetensors` and `config.json`, or from a lone file, safetensors or the
    published .pt, of the published sizes.

    Raises MissingWeights or BadCheckpoint.
    """
    config = read_config(folder, PaSSTConfig)
    with built_from(folder):
        net = PaSST(config)
    load_into(net, read_weights(folder, _READ_FROM), folder)
    settings = {"peak_dbfs": PEAK_DBFS, "channels": "mean", "output": "softmax of mean logits", **asdict(config)}
    return PaSSTEmbedder(EmbedderSpec(name, "passt", config.classes, digest_of(net), settings), net, device)
