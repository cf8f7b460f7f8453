"""PaSST's features and class logits of a clip in one pass, as av-benchmark takes them.

Rules of hkchengrex/av-benchmark at 050a5cd (`extract.py` 166-175): one window, filled with zeros or cut to 320,000
samples at 32 kHz, whatever was cropped before; what `get_basic_model(mode="all")` gives. How sound is prepared stands
in the protocol that is part of the name (`passt@av-benchmark`).

A row holds the features that the head reads (768), then the 527 logits: FD-PaSST reads the former, KL- and IS-PaSST of
this protocol the latter, and the network runs once. KL-PaSST of the Stable Audio papers is another embedder, `passt`:
windows, a peak, and a softmax of the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.preparation import Preparation
from evalkit.checkpoints.building import built_from
from evalkit.checkpoints.own_layout import read_config, read_weights
from evalkit.checkpoints.tensors import digest_of, load_into
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.batching import Array, in_batches
from evalkit.embed.by_protocol import preparation_of
from evalkit.embed.joined_rows import CLASSES, joined
from evalkit.nets.passt import PaSST, PaSSTConfig

_READ_FROM = "PaSST's published .pt, safetensors, or a folder with model.safetensors and config.json"


class PasstRowsEmbedder:
    """An Embedder: float32 (1, features + 527) per clip, in this order."""

    spec: EmbedderSpec

    def __init__(self, spec: EmbedderSpec, net: PaSST, preparation: Preparation, device: str = "cpu") -> None:
        self.spec, self._net, self.preparation, self._device = spec, net.to(device).eval(), preparation, device

    @property
    def config(self) -> PaSSTConfig:
        """The network's sizes, with its rate and its windows."""
        return self._net.config

    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises UserError for a clip that is empty or holds NaN."""
        return self.embed_prepared([self.preparation(clip) for clip in clips])

    @torch.inference_mode()
    def embed_prepared(self, heard: Sequence[Samples]) -> list[Features]:
        """Of (samples,) each, at the network's rate."""
        found = in_batches(((index, self._window(each)) for index, each in enumerate(heard)), 16, self._forward)
        return [found[index] for index in range(len(heard))]

    def _window(self, heard: Samples) -> Array:
        config = self._net.config
        cut = heard[: round(config.window_seconds * config.rate)]
        return np.pad(cut, (0, max(0, config.shortest + 1 - len(cut))))

    def _forward(self, audio: Array) -> Array:
        pooled = self._net.pooled(self._net.front(torch.from_numpy(audio).to(self._device)))
        return joined(pooled, self._net.head(pooled))


def load(name: str, path: Path, device: str = "cpu") -> PasstRowsEmbedder:
    """From a folder with `model.safetensors` and `config.json`, or from a lone file, safetensors or the published .pt.

    Raises MissingWeights or BadCheckpoint.
    """
    config = read_config(path, PaSSTConfig)
    with built_from(path):
        net = PaSST(config)
    load_into(net, read_weights(path, _READ_FROM), path)
    preparation = preparation_of(name, Preparation(config.rate, without_mean=True))
    settings = {"output": "features, then logits", **preparation.settings, **asdict(config)}
    spec = EmbedderSpec(name, "passt_rows", config.embed + max(config.classes, CLASSES), digest_of(net), settings)
    return PasstRowsEmbedder(spec, net, preparation, device)
