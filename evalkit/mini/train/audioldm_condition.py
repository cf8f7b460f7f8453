"""What audioldm-mini is conditioned on: clap-mini's embeddings of sounds in training, of texts in sampling.

AudioLDM takes for granted that a caption's embedding lies where its sound's does. clap-mini's do not: matched pairs
have a mean cosine of 0.31. So both sides are brought into the space in which they agree most, by canonical correlation
(0.82 there, 0.77 for held-out recordings): linear maps, that of the texts folded into the last layer of the text
tower's projection, so that the shipped folder is of the published layout and diffusers' pipeline reads it as any other.
What a caption says beyond the sound's embedding is noise to the sound; in training each embedding is therefore seen
through noise of the size that the correlations leave.
Sources: Liu et al. 2023, "AudioLDM", section 3.1; H. Hotelling, "Relations between two sets of variates", 1936.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.random import Generator as Rng
from torch import Tensor
from torch.nn import functional as F

from evalkit.audio.clip import Clip, Samples
from evalkit.checkpoints.clap_folder import TOKENS, read_folder
from evalkit.embed.clap import ClapEmbedder
from evalkit.fetch.weights import locate
from evalkit.mini.recordings.captions import caption
from evalkit.mini.recordings.mel_windows import RATE
from evalkit.mini.recordings.scenes import Recording, random_scene, render
from evalkit.nets.clap import CONSTANTS, text_config

SHARED = 12
"""Directions that sounds and captions have in common: ten classes, and a little."""

RIDGE = 1e-3
PAIRS = 2000
SEEN_NOISE = 0.6
"""Share of the noise left by the correlations that training embeddings get. All of it would blur classes, since
captions lie in clusters and not in a normal cloud."""


@dataclass(frozen=True)
class Alignment:
    """`sound` and `text`: (width, SHARED) maps of centred embeddings; `correlations` (SHARED,) of what they map to."""

    sound_mean: Tensor
    text_mean: Tensor
    sound: Tensor
    text: Tensor
    correlations: Tensor

    def of_sounds(self, rows: Tensor) -> Tensor:
        """(batch, width) embeddings of sounds -> (batch, SHARED), of about unit variance."""
        return (rows - self.sound_mean) @ self.sound

    def seen(self, rows: Tensor) -> Tensor:
        """(batch, SHARED) rows of sounds as captions that go with them would lie, weighted, drawn by torch's
        generator; padded to (batch, width) and of length 1, as the pipeline gives them to the network."""
        left = (1 - self.correlations.square()).clamp(min=0).sqrt()
        drawn = self.correlations * rows + SEEN_NOISE * left * torch.randn_like(rows)
        return F.normalize(F.pad(self.correlations * drawn, (0, len(self.text_mean) - SHARED)), dim=-1)


def align(sounds: Tensor, texts: Tensor) -> Alignment:
    """Canonical correlation of paired rows (pairs, width), with a ridge of RIDGE of the whole variance."""
    means = sounds.mean(0), texts.mean(0)
    first, second = sounds - means[0], texts - means[1]
    whiten = [_inverse_root(each.T @ each / len(each)) for each in (first, second)]
    left, values, right = torch.linalg.svd(whiten[0] @ (first.T @ second / len(first)) @ whiten[1])
    maps = whiten[0] @ left[:, :SHARED], whiten[1] @ right[:SHARED].T
    return Alignment(*means, *maps, values[:SHARED])


def _inverse_root(covariance: Tensor) -> Tensor:
    ridge = RIDGE * covariance.trace() * torch.eye(len(covariance))
    values, vectors = torch.linalg.eigh(covariance + ridge)
    return vectors @ torch.diag(values.rsqrt()) @ vectors.T


class Texts:
    """clap-mini's text tower as AudioLDM's folder has it, with its tokenizer."""

    def __init__(self) -> None:
        """The tower as it is, before :meth:`fold`."""
        from transformers import AutoTokenizer, ClapTextModelWithProjection

        checkpoint = read_folder(locate("clap-mini", {}))
        config = text_config(checkpoint.config)
        config.projection_dim = checkpoint.config.projection_dim
        # The pipeline pads "no prompt" to as many tokens as an embedding has numbers.
        config.max_position_embeddings = max(config.max_position_embeddings, config.projection_dim + 2)
        self.encoder: Any = ClapTextModelWithProjection(config).eval().requires_grad_(False)
        tensors = {
            name: tensor.float()
            for name, tensor in checkpoint.tensors.items()
            if name.startswith(("text_model.", "text_projection.")) and not name.endswith(CONSTANTS)
        }
        places = "text_model.embeddings.position_embeddings.weight"
        tensors[places] = F.pad(tensors[places], (0, 0, 0, config.max_position_embeddings - len(tensors[places])))
        told = self.encoder.load_state_dict(tensors, strict=False)
        assert not told.unexpected_keys and all(name.endswith(CONSTANTS) for name in told.missing_keys)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint.tokenizer, model_max_length=TOKENS)

    def embed(self, texts: Sequence[str]) -> Tensor:
        """(texts, width), of any length: what the pipeline brings to length 1."""
        rows = []
        for start in range(0, len(texts), 64):
            read = self.tokenizer(list(texts[start : start + 64]), padding=True, truncation=True, return_tensors="pt")
            rows.append(self.encoder(read.input_ids, attention_mask=read.attention_mask).text_embeds)
        return torch.cat(rows)

    def fold(self, alignment: Alignment) -> None:
        """From here on `embed` gives texts in the shared space, weighted, with zeros behind."""
        last = self.encoder.text_projection.linear2
        onto = F.pad(alignment.text * alignment.correlations, (0, len(last.bias) - SHARED)).T
        last.weight.copy_(onto @ last.weight)
        last.bias.copy_(onto @ (last.bias - alignment.text_mean))

    def save(self, out: Path) -> None:
        """Write `out/text_encoder` (fp16) and `out/tokenizer`."""
        self.encoder.half().save_pretrained(out / "text_encoder")
        self.tokenizer.save_pretrained(out / "tokenizer")


def embed_sounds(clap: ClapEmbedder, sounds: Sequence[Samples]) -> Tensor:
    """clap-mini's rows (sounds, width) of mono sounds (samples,). A digest would decide crops of long ones only."""
    rows = clap.embed([Clip(sound[None], RATE, "") for sound in sounds])
    return torch.cat([torch.from_numpy(row) for row in rows])


def measure(
    clap: ClapEmbedder, texts: Texts, recordings: Sequence[Recording], rng: Rng, count: int = PAIRS
) -> Alignment:
    """The alignment of random scenes with their captions; `texts` is not folded yet."""
    sounds, captions = draw_pairs(recordings, rng, count)
    return align(embed_sounds(clap, sounds), texts.embed(captions))


def draw_pairs(recordings: Sequence[Recording], rng: Rng, count: int) -> tuple[list[Samples], list[str]]:
    """Mono scenes and a caption of each."""
    scenes = [random_scene(rng, recordings) for _ in range(count)]
    return [render(scene, RATE).mean(axis=0) for scene in scenes], [caption(scene, rng) for scene in scenes]
