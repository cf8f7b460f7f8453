"""Audiobox Aesthetics: WavLM, and for each of four axes its own mixture of layers and its own head.

Tjandra et al., "Meta Audiobox Aesthetics", arXiv 2502.05139; audiobox-aesthetics 0.0.4 (`model/aes.py`,
`model/utils.py`), whose names and shapes these are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evalkit.nets.wavlm import WavLM, WavLMConfig

AXES = ("CE", "CU", "PC", "PQ")
"""Content enjoyment and usefulness, production complexity and quality, in the original's order."""


@dataclass(frozen=True)
class AestheticsConfig:
    """`proj_num_layer` linear layers make a head; between them are GELU, a layer norm where `proj_ln`, and where
    `proj_dropout` is not 0 a place that does nothing here, but is counted in the names. `normalize_embed` brings a
    window's mean to length one before the heads."""

    proj_num_layer: int = 1
    proj_ln: bool = False
    proj_dropout: float = 0.0
    normalize_embed: bool = True
    wavlm: WavLMConfig = field(default_factory=WavLMConfig)


class Aesthetics(nn.Module):
    """(batch, samples) at 16 kHz to (batch, 4), in the order of `AXES` and before the targets' scale."""

    def __init__(self, config: AestheticsConfig) -> None:
        super().__init__()
        self.config = config
        self.wavlm_model = WavLM(config.wavlm)
        self.proj_layer = nn.ModuleDict({axis: nn.Sequential(*_head(config)) for axis in AXES})
        states = config.wavlm.encoder_layers + 1
        self.layer_weights = nn.ParameterDict({axis: nn.Parameter(torch.ones(states) / states) for axis in AXES})

    def forward(self, audio: Tensor, filled: Tensor) -> Tensor:
        """`filled` is True where a sample is nothing but filling."""
        embedded = self.embedded(audio, filled)
        return torch.cat([self.proj_layer[axis](embedded[:, place]) for place, axis in enumerate(AXES)], dim=1)

    def embedded(self, audio: Tensor, filled: Tensor) -> Tensor:
        """(batch, 4, width): the mean over the frames that are sound, by each axis' mixture of layers."""
        states, padding = self.wavlm_model(audio, filled)
        heard = (~padding).type_as(audio)[:, :, None]
        # The mean of a mixture is the mixture of means, and each of these is small.
        means = torch.stack([(each * heard).sum(dim=1) for each in states]) / heard.sum(dim=1).clamp(min=1)
        mixtures = torch.stack([self.layer_weights[axis].softmax(dim=0) for axis in AXES])
        found = torch.einsum("lbc,al->bac", means, mixtures)
        return F.normalize(found, dim=-1) if self.config.normalize_embed else found


def _head(config: AestheticsConfig) -> Iterator[nn.Module]:
    width = config.wavlm.encoder_embed_dim
    for _ in range(config.proj_num_layer - 1):
        yield nn.Linear(width, width)
        if config.proj_ln:
            yield nn.LayerNorm(width)
        yield nn.GELU()
        if config.proj_dropout:
            yield nn.Identity()
    yield nn.Linear(width, 1)
