"""WavLM: a transformer over a waveform whose attention is biased by distance, each bias gated by what is asked.

Chen et al., "WavLM", IEEE JSTSP 2022, arXiv 2110.13900; microsoft/unilm, `wavlm/WavLM.py`, as audiobox-aesthetics 0.0.4
carries it (`model/wavlm.py`). Names and shapes are those of its state dict. The arrangement is WavLM-base's: group norm
after the first convolution alone, layer norms after each half of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CONVOLUTIONS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))
"""(kernel, stride) of each, in samples and frames: a frame for each 320 samples, of 400."""

_CHANNELS = 32
"""Of the first layer that are computed together."""

HOP = math.prod(stride for _, stride in _CONVOLUTIONS)


@dataclass(frozen=True)
class WavLMConfig:
    """Sizes under fairseq's names, WavLM-base's by default. `conv_dim` is the convolutions' width; `conv_pos` frames
    and `conv_pos_groups` are of the convolution that tells places; `num_buckets` distances, up to `max_distance`
    frames."""

    encoder_layers: int = 12
    encoder_embed_dim: int = 768
    encoder_ffn_embed_dim: int = 3072
    encoder_attention_heads: int = 12
    conv_dim: int = 512
    conv_pos: int = 128
    conv_pos_groups: int = 16
    num_buckets: int = 320
    max_distance: int = 800

    def __post_init__(self) -> None:
        """Raises ValueError where a width is no multiple of the parts that it is cut into, or no table of distances is
        of the sizes said."""
        for parts in ("encoder_attention_heads", "conv_pos_groups"):
            if getattr(self, parts) < 1 or self.encoder_embed_dim % getattr(self, parts):
                raise ValueError(f"encoder_embed_dim {self.encoder_embed_dim} is no multiple of {parts}")
        if not 4 <= self.num_buckets < 4 * self.max_distance:
            raise ValueError(f"num_buckets {self.num_buckets} do not go with max_distance {self.max_distance}")


class WavLM(nn.Module):
    """(batch, samples) at 16 kHz and a mask of them (True: filled up) to the states of every layer."""

    def __init__(self, config: WavLMConfig) -> None:
        super().__init__()
        width = config.encoder_embed_dim
        self.feature_extractor = _Convolutions(config.conv_dim)
        self.layer_norm = nn.LayerNorm(config.conv_dim)
        self.post_extract_proj = nn.Linear(config.conv_dim, width)
        self.mask_emb = nn.Parameter(torch.zeros(width))  # of the training alone
        self.encoder = _Encoder(config)

    def forward(self, audio: Tensor, filled: Tensor) -> tuple[list[Tensor], Tensor]:
        """The input of the first layer and each one's output, `encoder_layers + 1` of (batch, frames, width), and which
        frames (batch, frames) are of nothing but filling."""
        frames = self.layer_norm(self.feature_extractor(audio).transpose(1, 2))
        count = frames.shape[1]
        # A frame's share is the samples' count over the frames', 320 of a window of 10 s; the rest at the end is left.
        share = filled.shape[1] // count
        padding = filled[:, : share * count].unflatten(1, (count, share)).all(dim=2)
        return self.encoder(self.post_extract_proj(frames), padding), padding


class _Convolutions(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_layers = nn.ModuleList()
        for place, (kernel, stride) in enumerate(_CONVOLUTIONS):
            convolution = nn.Conv1d(width if place else 1, width, kernel, stride, bias=False)
            norm = nn.Identity() if place else nn.GroupNorm(width, width)
            self.conv_layers.append(nn.Sequential(convolution, nn.Identity(), norm, nn.GELU()))

    def forward(self, audio: Tensor) -> Tensor:
        first, *others = self.conv_layers
        found = torch.cat(list(_by_parts(audio[:, None], *first.children())), dim=1)
        for layer in others:
            found = layer(found)
        return found


def _by_parts(audio: Tensor, convolution: nn.Module, _: nn.Module, norm: nn.Module, *__: nn.Module) -> Iterator[Tensor]:
    """The widest layer, whose channels know nothing of each other, a few at a time: they stay in the cache."""
    assert isinstance(convolution, nn.Conv1d) and isinstance(norm, nn.GroupNorm)
    parts = (each.split(_CHANNELS) for each in (convolution.weight, norm.weight, norm.bias))
    for weight, scale, shift in zip(*parts, strict=True):
        found = F.conv1d(audio, weight, stride=convolution.stride)
        yield F.gelu(F.group_norm(found, len(weight), scale, shift, norm.eps))


class _Places(nn.Module):
    """The convolution that tells places, its weight `weight_v` scaled to the length `weight_g` at each of its taps."""

    def __init__(self, config: WavLMConfig) -> None:
        super().__init__()
        width, self.groups = config.encoder_embed_dim, config.conv_pos_groups
        self.weight_g = nn.Parameter(torch.ones(1, 1, config.conv_pos))
        self.weight_v = nn.Parameter(torch.randn(width, width // self.groups, config.conv_pos) / width)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, states: Tensor) -> Tensor:
        """(batch, width, frames), of the same frames."""
        taps = self.weight_v.shape[2]
        weight = self.weight_v * (self.weight_g / self.weight_v.norm(dim=(0, 1), keepdim=True))
        found = F.conv1d(states, weight, self.bias, padding=taps // 2, groups=self.groups)
        return found[:, :, : states.shape[2]]


class _Encoder(nn.Module):
    def __init__(self, config: WavLMConfig) -> None:
        super().__init__()
        self.config = config
        self.pos_conv = nn.Sequential(_Places(config), nn.GELU())
        self.layers = nn.ModuleList(_Layer(config, first=not place) for place in range(config.encoder_layers))
        self.layer_norm = nn.LayerNorm(config.encoder_embed_dim)

    @property
    def distances(self) -> nn.Module:
        """The table of distances, which lies in the first layer and serves all."""
        return self.layers[0].get_submodule("self_attn.relative_attention_bias")

    def forward(self, states: Tensor, padding: Tensor) -> list[Tensor]:
        states = states.masked_fill(padding[:, :, None], 0)
        states = self.layer_norm(states + self.pos_conv(states.transpose(1, 2)).transpose(1, 2))
        found = [states]
        bias = self.distances(buckets(states.shape[1], self.config).to(states.device)).permute(2, 0, 1)
        unheard = torch.zeros(padding.shape, device=states.device).masked_fill(padding, -math.inf)[:, None, None]
        for layer in self.layers:
            found.append(layer(found[-1], bias, unheard))
        return found


class _Layer(nn.Module):
    def __init__(self, config: WavLMConfig, first: bool) -> None:
        super().__init__()
        width = config.encoder_embed_dim
        self.self_attn = _Attention(config, first)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.encoder_ffn_embed_dim)
        self.fc2 = nn.Linear(config.encoder_ffn_embed_dim, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, states: Tensor, bias: Tensor, unheard: Tensor) -> Tensor:
        states = self.self_attn_layer_norm(states + self.self_attn(states, bias, unheard))
        found: Tensor = self.final_layer_norm(states + self.fc2(F.gelu(self.fc1(states))))
        return found


class _Attention(nn.Module):
    """`bias` (heads, frames, frames) is added, times a gate of each frame that asks; so is `unheard` (batch, 1, 1,
    frames)."""

    def __init__(self, config: WavLMConfig, first: bool) -> None:
        super().__init__()
        width, self.heads = config.encoder_embed_dim, config.encoder_attention_heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))
        self.grep_linear = nn.Linear(width // self.heads, 8)
        self.grep_a = nn.Parameter(torch.ones(1, self.heads, 1, 1))
        if first:
            self.relative_attention_bias = nn.Embedding(config.num_buckets, self.heads)

    def forward(self, states: Tensor, bias: Tensor, unheard: Tensor) -> Tensor:
        mask = torch.addcmul(unheard, self._gates(self._by_head(states)), bias)
        query, key, value = (self._by_head(part(states)) for part in (self.q_proj, self.k_proj, self.v_proj))
        heard = F.scaled_dot_product_attention(query, key, value, mask)
        found: Tensor = self.out_proj(heard.transpose(1, 2).flatten(2))
        return found

    def _by_head(self, states: Tensor) -> Tensor:
        return states.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def _gates(self, asked: Tensor) -> Tensor:
        """(batch, heads, frames, 1), of the states themselves and not of the queries made from them."""
        first, second = self.grep_linear(asked).unflatten(3, (2, 4)).sum(dim=4).sigmoid().chunk(2, dim=3)
        return first * (second * self.grep_a - 1) + 2


def buckets(frames: int, config: WavLMConfig) -> Tensor:
    """(frames, frames) int64: which row of the table is of the way from one frame to another; half of the rows are for
    what comes later. The near ones have a row each, the others share them by the logarithm of their distance."""
    half, exact = config.num_buckets // 2, config.num_buckets // 4
    places = torch.arange(frames)
    way = places[None] - places[:, None]
    distance = way.abs()
    part = torch.log(distance.clamp(min=1).float() / exact) / math.log(config.max_distance / exact)
    far = (exact + (part * (half - exact)).to(torch.int64)).clamp(max=half - 1)
    return (way > 0).to(torch.int64) * half + torch.where(distance < exact, distance, far)
