"""VGGish's embeddings of a clip, as audioldm_eval takes them: a row for each 0.96 s.

Rules of haoheliu/audioldm_eval at 8dc07ee (`datasets/load_mel.py`, `metrics/fad.py` 37-40): the first channel without
its mean, to 16 kHz as torchaudio converts, zeros up to 32,000 samples; the last ReLU taken off; no PCA and no
quantisation. Patches of 96 frames follow one another without overlap, and what is left over is dropped: 10 s are ten.
A name with a protocol in it (`vggish@av-benchmark`) is fed as that says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.preparation import Preparation
from evalkit.checkpoints.building import built_from
from evalkit.checkpoints.own_layout import read_config, read_weights
from evalkit.checkpoints.tensors import digest_of, load_into
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.by_protocol import preparation_of
from evalkit.nets.vggish import VGGish, VGGishConfig

_READ_FROM = "torchvggish's vggish-10086976.pth, safetensors, or a folder with model.safetensors and config.json"
_SHORTEST = 32000


class VGGishEmbedder:
    """An Embedder: float32 (patches, 128) per clip."""

    spec: EmbedderSpec

    def __init__(self, spec: EmbedderSpec, net: VGGish, preparation: Preparation, device: str = "cpu") -> None:
        self.spec, self._net, self.preparation, self._device = spec, net.to(device).eval(), preparation, device
        if torch.device(device).type == "cpu":
            self._net.prepare_for_inference()

    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises UserError for a clip that is empty or holds NaN."""
        return self.embed_prepared([self.preparation(clip) for clip in clips])

    @torch.inference_mode()
    def embed_prepared(self, heard: Sequence[Samples]) -> list[Features]:
        """Of (samples,) each, at the network's rate and of one patch at least."""
        found = []
        for each in heard:  # one after another: patches of one clip fill a batch
            audio = torch.from_numpy(each)[None].to(self._device)
            found.append(np.asarray(self._net(audio)[0].float().cpu().numpy()))
        return found


def load(name: str, path: Path, device: str = "cpu") -> VGGishEmbedder:
    """From a folder with `model.safetensors` and `config.json`, or from a lone file, safetensors or the published .pth.

    Raises MissingWeights or BadCheckpoint.
    """
    config = read_config(path, VGGishConfig)
    with built_from(path):
        net = VGGish(config)
    load_into(net, read_weights(path, _READ_FROM), path)
    preparation = preparation_of(name, usual_preparation(config))
    preparation = replace(preparation, shortest=max(preparation.shortest, config.shortest))
    settings = {"output": "before the last ReLU", "pca": False, **asdict(preparation), **asdict(config)}
    return VGGishEmbedder(
        EmbedderSpec(name, "vggish", config.features, digest_of(net), settings), net, preparation, device
    )


def usual_preparation(config: VGGishConfig) -> Preparation:
    """What audioldm_eval does to a clip before this network hears it."""
    return Preparation(config.rate, channels="first", without_mean=True, shortest=_SHORTEST)
