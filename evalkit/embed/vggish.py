"""VGGish's embeddings of a clip, as audioldm_eval takes them: a row for each 0.96 s.

Rules of haoheliu/audioldm_eval at 8dc07ee (`datasets/load_mel.py`, `metrics/fad.py` 37-40): the first channel without
its mean, to 16 kHz as torchaudio converts, zeros up to 32,000 samples; the last ReLU taken off; no PCA and no
quantisation. Patches of 96 frames follow one another without overlap, and what is left over is dropped: 10 s are ten.
A name with a protocol in it (`vggish@av-benchmark`) is fed as that says, and its rows are what that takes of the
network (:class:`Rows`): toolkits keep the last ReLU, or whiten and round the rows by AudioSet's PCA
(`vggish@torchvggish`), or feed the network second by second (`vggish@stable-audio-tools`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.preparation import Preparation
from evalkit.checkpoints.building import built_from
from evalkit.checkpoints.own_layout import read_config, read_weights
from evalkit.checkpoints.tensors import digest_of, load_into
from evalkit.checkpoints.vggish_pca import Pca, read_pca
from evalkit.core.ids import digest_bytes
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.by_protocol import further_settings, preparation_of
from evalkit.fetch.published import VGGISH_PCA
from evalkit.fetch.weights import locate
from evalkit.nets.vggish import VGGish, VGGishConfig

_READ_FROM = "torchvggish's vggish-10086976.pth, safetensors, or a folder with model.safetensors and config.json"
_SHORTEST = 32000


@dataclass(frozen=True)
class Rows:
    """What a toolkit takes of the network: whether the last ReLU is kept (`relu`), whether rows are then whitened and
    rounded to 8 bits (`pca`), and of how many seconds each piece is that the network hears by itself (`chunk`; 0: the
    whole sound at once), what is left over dropped."""

    relu: bool = False
    pca: bool = False
    chunk: float = 0.0

    def pieces(self, heard: Samples, rate: int) -> list[Samples]:
        """(samples,) as the pieces that are fed, each (samples,); a sound shorter than one is filled with zeros."""
        size = round(self.chunk * rate)
        if not size:
            return [heard]
        return list(
            np.pad(heard, (0, max(0, size - len(heard))))[: max(1, len(heard) // size) * size].reshape(-1, size)
        )

    def finished(self, layer: Features, pca: Pca | None) -> Features:
        """float32 (patches, features) of the layer before the last ReLU."""
        rows = np.maximum(layer, 0) if self.relu else layer
        return rows if pca is None or not self.pca else pca.quantised(rows)


class VGGishEmbedder:
    """An Embedder: float32 (patches, 128) per clip."""

    spec: EmbedderSpec

    def __init__(
        self,
        spec: EmbedderSpec,
        net: VGGish,
        preparation: Preparation,
        device: str = "cpu",
        rows: Rows = Rows(),
        pca: Pca | None = None,
    ) -> None:
        self.spec, self._net, self.preparation, self._device = spec, net.to(device).eval(), preparation, device
        if torch.device(device).type == "cpu":
            self._net.prepare_for_inference()
        self._rows, self._pca = rows, pca

    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises UserError for a clip that is empty or holds NaN."""
        return [self._embedded(self.preparation(clip)) for clip in clips]

    def _embedded(self, heard: Samples) -> Features:
        layer = self.embed_prepared(self._rows.pieces(heard, self.preparation.rate))
        return self._rows.finished(np.concatenate(layer), self._pca)

    @torch.inference_mode()
    def embed_prepared(self, heard: Sequence[Samples]) -> list[Features]:
        """Of (samples,) each, at the network's rate: the layer before the last ReLU, of one patch at least."""
        found, least = [], self._net.front.config.shortest
        for each in heard:  # one after another: patches of one clip fill a batch
            padded = np.pad(each, (0, max(0, least - len(each))))
            audio = torch.from_numpy(padded)[None].to(self._device)
            found.append(np.asarray(self._net(audio)[0].float().cpu().numpy()))
        return found


def load(name: str, path: Path, device: str = "cpu", overrides: Mapping[str, Path] | None = None) -> VGGishEmbedder:
    """From a folder with `model.safetensors` and `config.json`, or from a lone file, safetensors or the published .pth.

    `overrides` may name the PCA's file (`vggish_pca`), for a protocol that has it. Raises MissingWeights or
    BadCheckpoint.
    """
    rows = Rows(**further_settings(name))  # type: ignore[arg-type]
    config = read_config(path, VGGishConfig)
    pca = read_pca(locate(VGGISH_PCA, overrides or {})) if rows.pca else None
    with built_from(path):
        net = VGGish(config)
    load_into(net, read_weights(path, _READ_FROM), path)
    preparation = preparation_of(name, usual_preparation(config))
    preparation = replace(preparation, shortest=max(preparation.shortest, config.shortest))
    settings = {**_settings(rows, pca), **preparation.settings, **asdict(config), **net.arithmetic}
    spec = EmbedderSpec(name, "vggish", config.features, digest_of(net), settings)
    return VGGishEmbedder(spec, net, preparation, device, rows, pca)


def _settings(rows: Rows, pca: Pca | None) -> dict[str, object]:
    usual: dict[str, object] = {"output": f"{'after' if rows.relu else 'before'} the last ReLU", "pca": rows.pca}
    more = {"pca_file": digest_bytes(pca.matrix.tobytes() + pca.means.tobytes())} if pca is not None else {}
    return {**usual, **more, **({"chunk": rows.chunk} if rows.chunk else {})}


def usual_preparation(config: VGGishConfig) -> Preparation:
    """What audioldm_eval does to a clip before this network hears it."""
    return Preparation(config.rate, channels="first", without_mean=True, shortest=_SHORTEST)
