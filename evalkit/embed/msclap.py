"""MS-CLAP 2023: sound and text in one space, by crops of 7 s.

Rules of msclap 1.3.4 (`CLAPWrapper.py`), with what is random or accidental there made plain here:

- sound: mono by the mean of channels, to 44.1 kHz as `torchaudio.transforms.Resample` converts; up to 7 s the clip is
  repeated and cut at 7; beyond, a crop of 7 s at a random place. The original draws one from a global generator, so
  that no two runs agree; here three are drawn from a seed made of the clip's own samples, and a clip has a row for
  each. The original lays the channels of a stereo file one behind the other and crops from that: half of its crops hear
  one side alone. av-benchmark gives it the mean, as here;
- text: as it is, with an end of text behind it, not cut at 77 tokens (the original's `max_length` pads and does not
  cut); of a caption with the token "!" the state is read before its end (`evalkit.nets.msclap`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from evalkit.audio.clip import Clip, samples_digest
from evalkit.audio.preparation import Preparation
from evalkit.checkpoints.building import built_from
from evalkit.checkpoints.msclap import ENDED, Gpt2Words, gpt2_folder, read_msclap
from evalkit.checkpoints.tensors import digest_of, load_into
from evalkit.checkpoints.with_transformers import undrawn
from evalkit.core.ids import digest_bytes, digest_file
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.by_protocol import preparation_of
from evalkit.nets.clap import CONSTANTS
from evalkit.nets.msclap import RATE, SECONDS, MsClap

CROPS = 3
_WINDOW = RATE * SECONDS
_TEXT_BATCH = 16
_TEXT_FILES = ("tokenizer.json", "vocab.json", "merges.txt")
_USUAL = Preparation(RATE, converter="torchaudio.transforms")


class MsClapEmbedder:
    """A TextEmbedder: float32 (crops, d) per clip, one row up to 7 s and three beyond; (n, d) for texts. Rows are
    not of length one."""

    spec: EmbedderSpec

    def __init__(
        self, spec: EmbedderSpec, net: MsClap, words: Gpt2Words, preparation: Preparation, device: str = "cpu"
    ) -> None:
        self.spec, self._net, self._words, self._device = spec, net.to(device).eval(), words, device
        self.preparation = preparation

    @torch.inference_mode()
    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises UserError for a clip that is empty or holds NaN."""
        found = []
        for clip in clips:  # one after another: crops of one clip fill a batch
            crops = crops_of(torch.from_numpy(self.preparation(clip)), samples_digest(clip))
            found.append(np.asarray(self._net.audio(crops.to(self._device)).float().cpu().numpy()))
        return found

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str]) -> Features:
        """float32 (texts, d)."""
        rows = [np.zeros((0, self.spec.dimensions), dtype=np.float32)]
        for begin in range(0, len(texts), _TEXT_BATCH):
            ids, mask = self._words.encode(texts[begin : begin + _TEXT_BATCH])
            rows.append(self._net.text(ids.to(self._device), mask.to(self._device)).float().cpu().numpy())
        return np.concatenate(rows)


def crops_of(samples: Tensor, digest: str) -> Tensor:
    """(crops, 308,700) of (n,) at 44.1 kHz: the clip repeated, or crops drawn from a digest of its own."""
    if len(samples) <= _WINDOW:
        return samples.repeat(-(-_WINDOW // len(samples)))[None, :_WINDOW]
    return torch.stack([samples[start : start + _WINDOW] for start in crop_starts(len(samples), digest)])


def crop_starts(count: int, digest: str) -> list[int]:
    """The first sample of each crop of a clip of `count`, more than 7 s."""
    seed = int(digest_bytes(f"msclap crops\0{digest}".encode())[:16], 16) >> 1
    drawn = torch.randint(count - _WINDOW, (CROPS,), generator=torch.Generator().manual_seed(seed))
    return [int(start) for start in drawn]


def load(name: str, path: Path, device: str = "cpu", overrides: Mapping[str, Path] | None = None) -> MsClapEmbedder:
    """From the published CLAP_weights_2023.pth; `overrides` may name the tokenizer (`gpt2_tokenizer`).

    Raises MissingWeights for an absent file, BadCheckpoint for one that does not fit, naming it.
    """
    checkpoint = read_msclap(path)
    folder = gpt2_folder(path, overrides or {})
    words = Gpt2Words(folder, checkpoint.text.vocab_size)
    with built_from(path), undrawn():
        net = MsClap(checkpoint.audio, checkpoint.text, checkpoint.width)
    load_into(net, checkpoint.tensors, path, {each for each in net.state_dict() if each.endswith(CONSTANTS)})
    net.requires_grad_(False)
    preparation = preparation_of(name, _USUAL)
    settings: dict[str, object] = {
        **preparation.settings,
        "seconds": SECONDS,
        "crops": CROPS,
        "ended": ENDED,
        "files": {each: digest_file(folder / each) for each in _TEXT_FILES if (folder / each).is_file()},
    }
    spec = EmbedderSpec(name, "msclap", checkpoint.width, digest_of(net, CONSTANTS), settings)
    return MsClapEmbedder(spec, net, words, preparation, device)
