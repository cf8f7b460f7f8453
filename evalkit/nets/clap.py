"""CLAP: the mel front end, the rule for long sounds, and transformers' towers behind a thin module.

The towers are transformers' `ClapModel` (HTSAT Swin audio tower with or without `aff_2d` fusion, RoBERTa
text tower), sized by a config. The front end is our own, because transformers' extractor marks one clip of an
all-short batch as long (huggingface/transformers, `feature_extraction_clap.py`), which neither LAION's code
nor stable-audio-metrics does outside training, and because its crops come from NumPy's global generator.

LAION's two kinds of model hear through two mels: with fusion torchaudio's, made in `training/data.py`
(HTK scale, triangles of height 1); without it torchlibrosa's, made inside HTSAT (Slaney's scale, area 1).

Sources: LAION-AI/CLAP at 1fd4c37, `training/data.py` 402-506 (front end, repeat-pad, fusion, crop) and
`clap_module/htsat.py` (`spectrogram_extractor`, `logmel_extractor`);
Stability-AI/stable-audio-metrics at fd55536, `src/clap_score.py` 12-17 (16-bit round trip).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import ClapAudioConfig, ClapConfig, ClapTextConfig
from transformers.models.clap.modeling_clap import ClapModel, ClapTextModel

from evalkit.nets.melbank import slaney_bank

ANTIALIAS = False
"""The shrunk copy of a long mel is made without antialiasing: torchvision's `Resize` of the version that
stable-audio-metrics pins leaves it off for tensors. It is worth up to 7e-4 in one clip's cosine."""

CONSTANTS = ("position_ids", "token_type_ids", "relative_position_index")
"""Tensors that follow from the config alone: a checkpoint may hold them or not."""


@dataclass(frozen=True)
class FrontEnd:
    """Numbers of the mel front end, all from `preprocessor_config.json`.

    `rate`, `fmin` and `fmax` in Hz; `n_fft`, `hop` and `max_samples` in samples; `mels` bands. `fusion` is
    the rule for a sound longer than `max_samples`: three crops and the whole, or one crop.
    """

    rate: int
    n_fft: int
    hop: int
    mels: int
    fmin: float
    fmax: float
    max_samples: int
    fusion: bool = True

    @property
    def frames(self) -> int:
        """Mel frames of a clip of `max_samples` (centred STFT)."""
        return self.max_samples // self.hop + 1

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> FrontEnd:
        """From the content of a `preprocessor_config.json`.

        Raises ValueError where a number is absent, or where the file asks for another padding or
        truncation than CLAP's models have.
        """
        truncation = config.get("truncation", "fusion")
        if truncation not in ("fusion", "rand_trunc"):
            raise ValueError(f"truncation is {truncation!r}, only 'fusion' and 'rand_trunc' are known here")
        for key, only in (("padding", "repeatpad"), ("top_db", None)):
            if config.get(key, only) != only:
                raise ValueError(f"{key} is {config[key]!r}, only {only!r} is known here")
        rate = _positive(config, "sampling_rate")
        if "nb_max_samples" in config:
            longest = _positive(config, "nb_max_samples")
        else:
            longest = _positive(config, "max_length_s") * rate
        return cls(
            rate=int(rate),
            n_fft=int(_positive(config, "fft_window_size")),
            hop=int(_positive(config, "hop_length")),
            mels=int(_positive(config, "feature_size")),
            fmin=_number(config, "frequency_min"),
            fmax=_positive(config, "frequency_max"),
            max_samples=round(longest),
            fusion=truncation == "fusion",
        )


def _number(config: Mapping[str, object], key: str) -> float:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key} is {value!r}, a number is needed")
    return float(value)


def _positive(config: Mapping[str, object], key: str) -> float:
    value = _number(config, key)
    if value <= 0:
        raise ValueError(f"{key} is {value!r}, it must be above 0")
    return value


def int16_round_trip(samples: Tensor) -> Tensor:
    """Samples as they come back from 16-bit integers: clipped, scaled by 32767, cut toward zero."""
    return (samples.clamp(-1.0, 1.0) * 32767.0).trunc() / 32767.0


def mel_filters(front: FrontEnd) -> Tensor:
    """(n_fft // 2 + 1, mels): with fusion, triangles of height 1 on the HTK mel scale (torchaudio's default);
    without, triangles of area 1 on Slaney's (librosa's default)."""
    if not front.fusion:
        return slaney_bank(front.rate, front.n_fft, front.mels, front.fmin, front.fmax).T
    bins = torch.linspace(0, front.rate // 2, front.n_fft // 2 + 1, dtype=torch.float64)
    low, high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (front.fmin, front.fmax))
    points = 700.0 * (10.0 ** (torch.linspace(low, high, front.mels + 2, dtype=torch.float64) / 2595.0) - 1.0)
    width = points.diff()
    slopes = points[None, :] - bins[:, None]
    rising = -slopes[:, :-2] / width[:-1]
    falling = slopes[:, 2:] / width[1:]
    return torch.minimum(rising, falling).clamp_min(0.0).to(torch.float32)


def log_mel(samples: Tensor, front: FrontEnd) -> Tensor:
    """(..., frames, mels) in dB re 1 (floor -100 dB, no ceiling) of (..., samples) at `front.rate`.

    Power spectrum, periodic Hann window of `n_fft`, frames centred with reflection at both ends.
    """
    window = torch.hann_window(front.n_fft, dtype=samples.dtype, device=samples.device)
    spectrum = torch.stft(
        samples, front.n_fft, front.hop, window=window, center=True, pad_mode="reflect", return_complex=True
    )
    power = spectrum.real.square() + spectrum.imag.square()
    mel = power.transpose(-1, -2) @ mel_filters(front).to(samples)
    return 10.0 * torch.log10(mel.clamp_min(1e-10))


def repeat_pad(samples: Tensor, length: int) -> Tensor:
    """(length,): the whole sound as often as it fits, then zeros. `samples` is (n,), 0 < n <= length."""
    repeated = samples.repeat(length // samples.shape[0])
    return F.pad(repeated, (0, length - repeated.shape[0]))


def tower_input(samples: Tensor, front: FrontEnd, seed: int) -> tuple[Tensor, bool]:
    """What the audio tower takes of one clip, and whether that clip counts as longer than the window.

    (4, frames, mels) by :func:`fusion_input` or (1, frames, mels) by :func:`crop_input`, as `front` says.
    """
    return fusion_input(samples, front, seed) if front.fusion else crop_input(samples, front, seed)


def crop_input(samples: Tensor, front: FrontEnd, seed: int) -> tuple[Tensor, bool]:
    """(1, frames, mels) dB for an audio tower without fusion, and whether the clip is longer than the window.

    `samples` is (n,) at `front.rate`. Up to the window the repeat-padded clip; above it one window of it,
    whose first sample is drawn by a generator with this `seed` alone.
    """
    _check(samples)
    longer = samples.shape[0] > front.max_samples
    if longer:
        start = crop_start(samples.shape[0], front.max_samples, seed)
        samples = samples[start : start + front.max_samples]
    return log_mel(repeat_pad(samples, front.max_samples), front)[None], longer


def crop_start(total: int, window: int, seed: int) -> int:
    """First sample of the one crop: any place from which `window` samples are left."""
    generator = torch.Generator().manual_seed(seed)
    return int(torch.randint(total - window + 1, (1,), generator=generator))


def _check(samples: Tensor) -> None:
    if samples.dim() != 1 or samples.shape[0] == 0:
        raise ValueError(f"samples must be (n,) with n > 0, not {tuple(samples.shape)}")


def fusion_input(samples: Tensor, front: FrontEnd, seed: int) -> tuple[Tensor, bool]:
    """(4, frames, mels) dB for the audio tower, and whether the clip counts as longer than the window.

    `samples` is (n,) at `front.rate`. Up to the window: the mel of the repeat-padded clip, four times,
    not longer. Above it: the whole mel shrunk to `frames` rows, then one crop from each third, each
    chosen by a generator with this `seed` alone, so that a clip's result never depends on its neighbours.
    A clip that is over the window by less than one hop has as many frames as the window and is not longer.
    """
    _check(samples)
    if samples.shape[0] <= front.max_samples:
        samples = repeat_pad(samples, front.max_samples)
    mel = log_mel(samples, front)
    if mel.shape[0] == front.frames:
        return mel.expand(4, -1, -1).clone(), False
    shrunk = F.interpolate(
        mel[None, None], size=(front.frames, front.mels), mode="bilinear", align_corners=False, antialias=ANTIALIAS
    )[0, 0]
    crops = [mel[start : start + front.frames] for start in crop_starts(mel.shape[0], front.frames, seed)]
    return torch.stack([shrunk, *crops]), True


def crop_starts(total: int, frames: int, seed: int) -> tuple[int, int, int]:
    """First frames of the front, middle and back crops: one at random from each third of the starts.

    The thirds are `numpy.array_split`'s (the first ones take the remainder); an empty third gives 0.
    """
    generator = torch.Generator().manual_seed(seed)
    count = total - frames + 1
    sizes = [count // 3 + (1 if third < count % 3 else 0) for third in range(3)]
    starts, begin = [], 0
    for size in sizes:
        drawn = int(torch.randint(max(size, 1), (1,), generator=generator))
        starts.append(begin + drawn if size else 0)
        begin += size
    return starts[0], starts[1], starts[2]


class Clap(nn.Module):
    """Both towers with their projections. Sound and text meet on the unit sphere of `config.projection_dim`."""

    def __init__(self, config: ClapConfig) -> None:
        """Raises ValueError where the config has a fusion of another kind than LAION's published models."""
        super().__init__()
        audio = audio_config(config)
        if audio.enable_fusion and audio.fusion_type != "aff_2d":
            raise ValueError("audio_config has enable_fusion true but another fusion_type than 'aff_2d'")
        with torch.random.fork_rng(devices=[]):  # drawing first weights must not move a caller's random state
            self.model = ClapModel(config)

    def audio(self, mels: Tensor, longer: Tensor) -> Tensor:
        """(batch, d) unit rows from `mels` (batch, 4 or 1, frames, mels) in dB and `longer` bool (batch,)."""
        return self.model.get_audio_features(input_features=mels, is_longer=longer[:, None]).pooler_output

    def text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(batch, d) unit rows from token `ids` and `mask` (1 real, 0 padding after it), both (batch, tokens).

        Columns of nothing but padding are left out: no row reads them, and most captions fill a sixth of 77.
        """
        longest = max(1, int(mask.sum(dim=1).max()))
        ids, mask = ids[:, :longest], mask[:, :longest]
        return self.model.get_text_features(input_ids=ids, attention_mask=mask).pooler_output


class ClapText(nn.Module):
    """The text tower alone, without projection, for conditioning a generator."""

    def __init__(self, config: ClapConfig) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            self.model = ClapTextModel(text_config(config))

    def hidden(self, ids: Tensor, mask: Tensor, layer: int = -2) -> Tensor:
        """(batch, tokens, width): `hidden_states[layer]`, where 0 is the embeddings and -1 the last layer.

        Stable Audio 2 conditions on layer -2. Rows at padding are not zeroed here, as it does not either.
        """
        return hidden_states(self.model, ids, mask)[layer]


def hidden_states(model: ClapTextModel, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
    """The embeddings' output and then each layer's, every one (batch, tokens, width)."""
    return tuple(model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states)


def audio_config(config: ClapConfig) -> ClapAudioConfig:
    """The audio tower's part; ValueError where the config has none."""
    if not isinstance(config.audio_config, ClapAudioConfig):
        raise ValueError("the config has no audio_config")
    return config.audio_config


def text_config(config: ClapConfig) -> ClapTextConfig:
    """The text tower's part; ValueError where the config has none."""
    if not isinstance(config.text_config, ClapTextConfig):
        raise ValueError("the config has no text_config")
    return config.text_config
