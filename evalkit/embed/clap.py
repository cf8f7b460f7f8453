"""CLAP features: sound and text in one space, and the text tower that conditions Stable Audio 2.

A folder of weights has the layout of the Hugging Face hub (`laion/clap-htsat-fused`, `-unfused`):
`config.json`, `model.safetensors`, `preprocessor_config.json`, and the tokenizer as `tokenizer.json` or as
`vocab.json` with `merges.txt`. LAION's own files (`630k-audioset-fusion-best.pt`) are read as they are, with
roberta-base's tokenizer beside them (`clap_laion.py`). The network is never asked.

Rules of stable-audio-metrics at fd55536 (`src/clap_score.py` 12-17, 47-119) and LAION-AI/CLAP at 1fd4c37
(`src/laion_clap/hook.py` 65-73, `training/data.py` 402-506):

- text: raw, at most 77 tokens, padded to 77; features are unit rows;
- sound: mean of the channels, resampled to the model's rate at librosa's length, peak at -1 dBFS, 16-bit
  round trip with the cut toward zero, then the front end of `evalkit.nets.clap`;
- a sound longer than the window has its three crops (one, in models without fusion) drawn from a seed made
  of its own samples, so that it has the same ones in any container, where the original draws them from a global
  generator and so gives another score on every run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from evalkit.audio.clip import Clip, samples_digest
from evalkit.audio.preparation import Preparation
from evalkit.checkpoints.building import built_from
from evalkit.checkpoints.clap_folder import (
    TOKENS,
    Checkpoint,
    Words,
    fill,
    fill_from,
    read_config,
    read_folder,
)
from evalkit.checkpoints.clap_laion import read_laion, read_laion_text
from evalkit.checkpoints.tensors import digest_of
from evalkit.checkpoints.torch_file import TORCH_SUFFIXES
from evalkit.checkpoints.with_transformers import undrawn
from evalkit.core.ids import digest_bytes, digest_file
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.by_protocol import further_settings, preparation_of
from evalkit.nets.clap import ANTIALIAS, CONSTANTS, Clap, ClapText, FrontEnd, int16_round_trip, text_config, tower_input

PEAK_DBFS = -1.0
FRONT_END_VERSION = 3
"""Raised when the way from samples to mel changes, so that cached features are not taken for new ones."""

_AUDIO_BATCH, _TEXT_BATCH = 16, 64
_TEXT_FILES = ("config.json", "preprocessor_config.json", "tokenizer.json", "vocab.json", "merges.txt")


@dataclass(frozen=True)
class Way:
    """From a clip to what the front end takes: `preparation`, then 16-bit integers and back where `sixteen_bits`."""

    preparation: Preparation
    sixteen_bits: bool = True

    def __call__(self, clip: Clip) -> Tensor:
        """(samples,). Raises UserError for a clip with no samples or with NaN in it."""
        samples = torch.from_numpy(self.preparation(clip))
        return int16_round_trip(samples) if self.sixteen_bits else samples


class ClapEmbedder:
    """A TextEmbedder: a (1, d) unit row per clip, (n, d) unit rows for texts."""

    spec: EmbedderSpec

    def __init__(
        self, spec: EmbedderSpec, net: Clap, front: FrontEnd, words: Words, device: str, way: Way | None = None
    ) -> None:
        self.spec, self._net, self.front, self._words, self._device = spec, net, front, words, device
        self.way = way or Way(_usual(front.rate))

    @torch.inference_mode()
    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """One float32 (1, d) per clip. Raises UserError for a clip with no samples or with NaN in it."""
        return self.embed_prepared([(self.way(clip), crop_seed(samples_digest(clip))) for clip in clips])

    @torch.inference_mode()
    def embed_prepared(self, heard: Sequence[tuple[Tensor, int]]) -> list[Features]:
        """One float32 (1, d) for each (samples,) at the model's rate, with the seed of its crops where it is long."""
        rows: list[Features] = []
        for begin in range(0, len(heard), _AUDIO_BATCH):
            inputs = [tower_input(each, self.front, seed) for each, seed in heard[begin : begin + _AUDIO_BATCH]]
            mels = torch.stack([mel for mel, _ in inputs]).to(self._device)
            longer = torch.tensor([long for _, long in inputs], device=self._device)
            if not longer.any():
                mels = mels[:, :1]  # the copies for fusion are not looked at, and would be resized for nothing
            rows.extend(row[None] for row in self._net.audio(mels, longer).float().cpu().numpy())
        return rows

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str]) -> Features:
        """float32 (texts, d)."""
        if not texts:
            return np.zeros((0, self.spec.dimensions), dtype=np.float32)
        rows: Features = _in_batches(self._net.text, *self._words.encode(texts), self._device).cpu().numpy()
        return rows


class TextTower:
    """CLAP's text tower alone: what Stable Audio 2 conditions on. The audio tower is not read from the file.

    `width` is the size of a hidden row; `weights` the digest of its tensors, whichever file they are in.
    """

    def __init__(self, path: Path, device: str = "cpu", overrides: Mapping[str, Path] | None = None) -> None:
        """`path` is a folder in the hub's layout or one of LAION's files, whose tokenizer `overrides` may name.
        Raises MissingWeights or BadCheckpoint."""
        published = read_laion_text(path, overrides or {}) if path.suffix in TORCH_SUFFIXES else None
        config = read_config(path) if published is None else published.config
        self._words = Words(path if published is None else published.tokenizer, config)
        with built_from(path), undrawn():
            net = ClapText(config)
        if published is None:
            fill(net.model, path, "text_model.")
        else:
            fill_from(net.model, published.tensors, path, "text_model.")
        self._net = net.to(device).eval()
        self._device = device
        self.width = text_config(config).hidden_size
        self.weights = digest_of(net, CONSTANTS)

    @torch.inference_mode()
    def penultimate(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """float32 (texts, 77, width) hidden states of the last layer but one, and mask (texts, 77), 1 real.

        Rows at padding hold what the tower gives there, not zeros; Stable Audio 2 feeds them on unmasked.
        """
        ids, mask = self._words.encode(texts)
        if not texts:
            return torch.zeros((0, TOKENS, self.width), device=self._device), mask.to(self._device)
        return _in_batches(self._net.hidden, ids, mask, self._device), mask.to(self._device)


def load(name: str, path: Path, device: str, overrides: Mapping[str, Path] | None = None) -> ClapEmbedder:
    """The embedder from a folder in the hub's layout or one of LAION's files, in float32 whatever it holds.

    `overrides` may name the tokenizer that goes with LAION's files (`clap_tokenizer`). Raises MissingWeights
    for an absent file, BadCheckpoint for one that does not fit, naming it.
    """
    checkpoint = read_laion(path, overrides or {}) if path.suffix in TORCH_SUFFIXES else read_folder(path)
    words = Words(checkpoint.tokenizer, checkpoint.config)
    with built_from(path), undrawn():
        net = Clap(checkpoint.config)
    fill_from(net.model, checkpoint.tensors, checkpoint.weights)
    width = int(checkpoint.config.projection_dim)
    way = way_of(name, checkpoint.front.rate)
    spec = EmbedderSpec(name, "clap", width, digest_of(net.model, CONSTANTS), _settings(checkpoint, way))
    return ClapEmbedder(spec, net.to(device).eval(), checkpoint.front, words, device, way)


def way_of(name: str, rate: int) -> Way:
    """How the protocol in an embedder's name feeds it; without one, as stable-audio-metrics does."""
    return Way(preparation_of(name, _usual(rate)), further_settings(name).get("sixteen_bits", True) is True)


def _usual(rate: int) -> Preparation:
    return Preparation(rate, converter="soxr", peak="after", peak_dbfs=PEAK_DBFS)


def _settings(checkpoint: Checkpoint, way: Way) -> dict[str, object]:
    """What changes a feature beside the weights; the names of the fusion models' settings are kept from before."""
    front = asdict(checkpoint.front)
    rule: dict[str, object] = {"antialias": ANTIALIAS} if front.pop("fusion") else {"truncation": "rand_trunc"}
    files = {file: checkpoint.tokenizer / file for file in _TEXT_FILES}
    usual = way == Way(_usual(checkpoint.front.rate))
    return {
        **({} if usual else {**way.preparation.settings, "sixteen_bits": way.sixteen_bits}),
        **front,
        "front_end_version": FRONT_END_VERSION,
        "peak_dbfs": PEAK_DBFS if usual else way.preparation.peak_dbfs,
        **rule,
        "tokens": TOKENS,
        "files": {name: digest_file(file) for name, file in files.items() if file.is_file()},
    }


def prepare(clip: Clip, rate: int) -> Tensor:
    """(samples,) of a clip as the front end takes it: mono, at `rate`, peak -1 dBFS, through 16 bits.

    Raises UserError for a clip with no samples or with NaN in it.
    """
    return Way(_usual(rate))(clip)


def crop_seed(digest: str) -> int:
    """The seed of a long clip's crops, in [0, 2**63), from a digest of its own."""
    return int(digest_bytes(f"clap crops\0{digest}".encode())[:16], 16) >> 1


def _in_batches(tower: Callable[[Tensor, Tensor], Tensor], ids: Tensor, mask: Tensor, device: str) -> Tensor:
    """float32 rows of `tower` for every row of `ids` and `mask`, a batch at a time."""
    parts = zip(ids.split(_TEXT_BATCH), mask.split(_TEXT_BATCH), strict=True)
    return torch.cat([tower(i.to(device), m.to(device)) for i, m in parts]).float()
