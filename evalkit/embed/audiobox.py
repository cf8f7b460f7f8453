"""Audiobox Aesthetics' four predictions of a clip, as its own package makes them.

Rules of audiobox-aesthetics 0.0.4 (`infer.py`): mono by the mean of channels, then to 16 kHz as torchaudio converts;
windows of 10 s one after another, the last filled up with zeros that the network is told of; the targets' mean and
deviation, which the file states; the mean over windows, each weighing as much as the share of it that is sound. Level
and offset are left as they are. It computes in float32: the package's `precision="bf16"` reaches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from evalkit.audio.clip import Clip
from evalkit.audio.preparation import Preparation
from evalkit.checkpoints.audiobox import AudioboxCheckpoint, read_audiobox
from evalkit.checkpoints.building import built_from
from evalkit.checkpoints.tensors import digest_of, load_into
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.by_protocol import preparation_of
from evalkit.nets.aesthetics import AXES, Aesthetics

RATE = 16000
WINDOW = 10 * RATE
_TOGETHER = 4
"""Windows of one clip that are computed at once."""


class AudioboxEmbedder:
    """An Embedder: float32 (1, 4) per clip, in the order of `nets.aesthetics.AXES`, on the raters' scale."""

    spec: EmbedderSpec

    def __init__(
        self, spec: EmbedderSpec, net: Aesthetics, scale: Tensor, preparation: Preparation, device: str = "cpu"
    ) -> None:
        """`scale` (2, 4) is the mean and the deviation of each axis' ratings."""
        self.spec, self._net, self.preparation, self._device = spec, net.to(device).eval(), preparation, device
        self._mean, self._deviation = scale.to(device)

    @torch.inference_mode()
    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises UserError for a clip that is empty or holds NaN."""
        return [self._predicted(torch.from_numpy(self.preparation(clip))) for clip in clips]

    def _predicted(self, samples: Tensor) -> Features:
        windows, filled = windows_of(samples)
        told = [
            self._net(audio.to(self._device), mask.to(self._device))
            for audio, mask in zip(windows.split(_TOGETHER), filled.split(_TOGETHER), strict=True)
        ]
        found = torch.cat(told) * self._deviation + self._mean
        weights = (1 - filled.double().mean(dim=1)).float()[:, None].to(self._device)
        return np.asarray(((found * weights).sum(dim=0) / weights.sum()).cpu().numpy())[None]


def windows_of(samples: Tensor) -> tuple[Tensor, Tensor]:
    """(n,) to windows (count, 160,000) and where they are filled up (True), the same shape."""
    missing = -len(samples) % WINDOW
    filled = torch.arange(len(samples) + missing) >= len(samples)
    windows = torch.nn.functional.pad(samples, (0, missing))
    return windows.unflatten(0, (-1, WINDOW)), filled.unflatten(0, (-1, WINDOW))


def load(name: str, path: Path, device: str = "cpu") -> AudioboxEmbedder:
    """From the published checkpoint.pt, or a folder in the hub's layout. Raises MissingWeights or BadCheckpoint."""
    checkpoint = read_audiobox(path)
    with built_from(path):
        net = Aesthetics(checkpoint.config)
    load_into(net, checkpoint.tensors, path)
    scale = torch.tensor([checkpoint.scale[axis] for axis in AXES]).T
    preparation = preparation_of(name, Preparation(RATE))
    spec = EmbedderSpec(name, "audiobox", len(AXES), digest_of(net), _settings(checkpoint, preparation))
    return AudioboxEmbedder(spec, net, scale, preparation, device)


def _settings(checkpoint: AudioboxCheckpoint, preparation: Preparation) -> dict[str, object]:
    scale = {axis: list(pair) for axis, pair in checkpoint.scale.items()}
    return {"axes": list(AXES), "window": WINDOW, "scale": scale, **preparation.settings, **asdict(checkpoint.config)}
