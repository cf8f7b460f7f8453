"""PaSST: an audio spectrogram transformer, with the front end and the tensor names of hear21passt.

Koutini, Schlueter, Eghbal-zadeh, Widmer, "Efficient Training of Audio Transformers with Patchout",
Interspeech 2022; kkoutini/passt_hear21 at 5f1cce6, `hear21passt/models/preprocess.py` (front end),
`hear21passt/models/passt.py` (network), `hear21passt/base.py` (settings of `get_basic_model`).

The defaults of :class:`PaSSTConfig` are `passt_s_swa_p16_128_ap476`; a state dict of that architecture has
exactly the names and shapes of :class:`PaSST`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evalkit.nets.melbank import kaldi_bank

PREEMPHASIS = 0.97


@dataclass(frozen=True)
class PaSSTConfig:
    """Sizes and the rule of windows.

    `rate`, `fmin`, `fmax` in Hz; `n_fft`, `win`, `hop` in samples; `time_frames` spectral frames that the
    time embedding was made for; `patch` and `stride` in bands and frames; `window_seconds` and
    `step_seconds` cut long sound, and a whole clip of `short_seconds` or less is fed as it is.
    """

    rate: int = 32000
    n_fft: int = 1024
    win: int = 800
    hop: int = 320
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float = 15000.0
    time_frames: int = 998
    patch: int = 16
    stride: int = 10
    embed: int = 768
    depth: int = 12
    heads: int = 12
    classes: int = 527
    window_seconds: float = 10.0
    step_seconds: float = 5.0
    short_seconds: float = 1.5

    def __post_init__(self) -> None:
        if self.embed % self.heads:
            raise ValueError(f"embed {self.embed} is not a multiple of heads {self.heads}")

    @property
    def grid(self) -> tuple[int, int]:
        """Patches over frequency and time: (12, 99) as published."""
        return (self.n_mels - self.patch) // self.stride + 1, (self.time_frames - self.patch) // self.stride + 1

    @property
    def shortest(self) -> int:
        """Samples that give one patch in time; less cannot be read."""
        return self.hop * (self.patch - 1) + 1


class LogMel(nn.Module):
    """(batch, samples) to scaled log power (batch, 1, n_mels, frames), frames = 1 + (samples - 1) // hop.

    Pre-emphasis, centred STFT with a symmetric Hann window shorter than the transform, Kaldi's bank,
    log(x + 1e-5), (x + 4.5) / 5.
    """

    def __init__(self, config: PaSSTConfig) -> None:
        super().__init__()
        self.config = config
        bank = kaldi_bank(config.rate, config.n_fft, config.n_mels, config.fmin, config.fmax)
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("window", torch.hann_window(config.win, periodic=False), persistent=False)
        self.bank: Tensor
        self.window: Tensor

    def forward(self, audio: Tensor) -> Tensor:
        config = self.config
        emphasised = audio[:, 1:] - PREEMPHASIS * audio[:, :-1]
        spectrum = torch.stft(
            emphasised, config.n_fft, config.hop, config.win, self.window, center=True, return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return (((self.bank @ power + 1e-5).log() + 4.5) / 5)[:, None]


class Attention(nn.Module):
    """Self-attention with one projection for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, asked: int) -> Tensor:
        """(batch, tokens, width) to what the first `asked` tokens take from all, (batch, asked, width)."""
        width = x.shape[2]
        (ask, tell), (ask_bias, tell_bias) = (
            part.split([width, 2 * width]) for part in (self.qkv.weight, self.qkv.bias)
        )
        query = self._heads(F.linear(x[:, :asked], ask, ask_bias))
        key, value = (self._heads(part) for part in F.linear(x, tell, tell_bias).chunk(2, dim=2))
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out

    def _heads(self, x: Tensor) -> Tensor:
        """(batch, tokens, width) to (batch, heads, tokens, width / heads)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor, asked: int | None = None) -> Tensor:
        """(batch, tokens, width) to the same, or to the first `asked` tokens of the same, which costs less."""
        count = x.shape[1] if asked is None else asked
        x = x[:, :count] + self.attn(self.norm1(x), count)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class PatchEmbed(nn.Module):
    def __init__(self, width: int, patch: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, width, patch, stride)

    def forward(self, mel: Tensor) -> Tensor:
        """(batch, 1, bands, frames) to (batch, width, patches over frequency, patches over time)."""
        out: Tensor = self.proj(mel)
        return out


class PaSST(nn.Module):
    """(batch, samples) at `config.rate`, at most one window long, to logits (batch, classes).

    `head_dist` is in the published file and has no part in the logits: the head reads the mean of the two
    class tokens.
    """

    def __init__(self, config: PaSSTConfig) -> None:
        super().__init__()
        self.config = config
        width, (bands, times) = config.embed, config.grid
        self.front = LogMel(config)
        self.patch_embed = PatchEmbed(width, config.patch, config.stride)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, width))
        self.new_pos_embed = nn.Parameter(torch.zeros(1, 2, width))
        self.freq_new_pos_embed = nn.Parameter(torch.zeros(1, width, bands, 1))
        self.time_new_pos_embed = nn.Parameter(torch.zeros(1, width, 1, times))
        self.blocks = nn.Sequential(*(Block(width, config.heads) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.classes))
        self.head_dist = nn.Linear(width, config.classes)

    def forward(self, audio: Tensor) -> Tensor:
        return self.classify(self.front(audio))

    def classify(self, mel: Tensor, keep: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """(batch, 1, bands, frames) scaled log mel to logits (batch, classes); `keep` as in :meth:`pooled`."""
        logits: Tensor = self.head(self.pooled(mel, keep))
        return logits

    def pooled(self, mel: Tensor, keep: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """(batch, 1, bands, frames) scaled log mel to what the head reads, the mean of the two class tokens after the
        last norm: (batch, embed).

        `keep` names the rows (frequency) and columns (time) of patches that stay: structured Patchout, for
        training. Raises ValueError for more frames than the time embedding has.
        """
        patches = self.patch_embed(mel)
        times = patches.shape[3]
        if times > self.time_new_pos_embed.shape[3]:
            raise ValueError(f"{mel.shape[3]} frames are more than the {self.config.time_frames} of this model")
        patches = patches + self.time_new_pos_embed[..., :times] + self.freq_new_pos_embed
        if keep is not None:
            patches = patches[:, :, keep[0]][:, :, :, keep[1]]
        tokens = torch.stack([self.cls_token, self.dist_token], dim=2).flatten(1, 2) + self.new_pos_embed
        x = torch.cat([tokens.expand(len(mel), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        x = self.blocks[:-1](x)
        # Nothing reads the patches after the last layer.
        x = self.norm(self.blocks[-1](x, asked=tokens.shape[1]))
        return (x[:, 0] + x[:, 1]) / 2


def initialise(net: PaSST) -> None:
    """Start values for training: truncated normal of 0.02 for tokens, embeddings and linear layers."""
    for name, parameter in net.named_parameters():
        if "pos_embed" in name or "token" in name or (parameter.ndim == 2):
            nn.init.trunc_normal_(parameter, std=0.02)
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
