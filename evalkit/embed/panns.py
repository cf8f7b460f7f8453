"""PANNs' Cnn14: features and class logits of a whole clip in one pass, as audioldm_eval takes them.

Rules of haoheliu/audioldm_eval at 8dc07ee (`datasets/load_mel.py`, `feature_extractors/panns/models.py`): the first
channel without its mean, converted to 16 or 32 kHz as torchaudio does, the whole clip in one piece, filled with zeros
up to 32,000 samples (2 s at 16 kHz, 1 s at 32 kHz). A name with a protocol in it (`panns-16k@av-benchmark`) is fed
as that says.

A row holds the features after the ReLU (2,048), then the 527 logits: FD-PANNs reads the former, KL- and IS-PANNs the
latter, and the network runs once.
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
from evalkit.core.errors import BadCheckpoint
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.batching import Array, in_batches
from evalkit.embed.by_protocol import preparation_of
from evalkit.embed.joined_rows import CLASSES, joined
from evalkit.nets.cnn14 import AT_32K, CONSTANTS, Cnn14, Cnn14Config, initialise

_READ_FROM = "PANNs' published .pth, safetensors, or a folder with model.safetensors and config.json"
_SHORTEST = 32000
"""Samples, at either rate."""


class PannsEmbedder:
    """An Embedder: float32 (1, features + 527) per clip, in this order."""

    spec: EmbedderSpec

    def __init__(self, spec: EmbedderSpec, net: Cnn14, preparation: Preparation, device: str = "cpu") -> None:
        self.spec, self._net, self.preparation, self._device = spec, net.to(device).eval(), preparation, device
        if torch.device(device).type == "cpu":
            self._net.prepare_for_inference()

    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises UserError for a clip that is empty or holds NaN."""
        return self.embed_prepared([self.preparation(clip) for clip in clips])

    @torch.inference_mode()
    def embed_prepared(self, heard: Sequence[Samples]) -> list[Features]:
        """Of (samples,) each, at the network's rate."""
        least = self._net.config.shortest
        long_enough = ((at, np.pad(each, (0, max(0, least - len(each))))) for at, each in enumerate(heard))
        found = in_batches(long_enough, 16, self._forward)
        return [found[index] for index in range(len(heard))]

    def _forward(self, audio: Array) -> Array:
        features, logits = self._net(torch.from_numpy(audio).to(self._device))
        return joined(features, logits)


def load(name: str, path: Path, device: str = "cpu") -> PannsEmbedder:
    """From a folder with `model.safetensors` and `config.json`, or from a lone file, safetensors or the published .pth,
    of the sizes that belong to `name`: panns-16k or panns-32k.

    Raises MissingWeights or BadCheckpoint, also where the file's transform or mel bank are not those of its sizes. A
    folder states its sizes, and may leave out what follows from them.
    """
    config = (
        read_config(path, Cnn14Config) if path.is_dir() else AT_32K if name.startswith("panns-32k") else Cnn14Config()
    )
    with built_from(path):
        net = Cnn14(config)
    initialise(net)
    load_into(net, read_weights(path, _READ_FROM), path, CONSTANTS if path.is_dir() else ())
    wrong = net.wrong_constants()
    if wrong:
        told = f"{path}: {' and '.join(wrong)} are not of {config.rate} Hz with {config.fmin:g} to {config.fmax:g} Hz"
        raise BadCheckpoint(told, "panns-16k is read from Cnn14_16k_mAP=0.438.pth, panns-32k from Cnn14_mAP=0.431.pth")
    preparation = preparation_of(name, usual_preparation(config))
    sizes = {key: size for key, size in asdict(config).items() if key != "classes"}  # which the tensors say
    settings = {"output": "features, then logits", **preparation.settings, **sizes, **net.arithmetic}
    return PannsEmbedder(
        EmbedderSpec(name, "panns", config.features + CLASSES, digest_of(net), settings), net, preparation, device
    )


def usual_preparation(config: Cnn14Config) -> Preparation:
    """What audioldm_eval does to a clip before this network hears it."""
    return Preparation(config.rate, channels="first", without_mean=True, shortest=_SHORTEST)
