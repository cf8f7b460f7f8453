"""Recipe of audioldm-mini's way from latents to sound: its vocoder, and the end of its autoencoder's training.

    python -m evalkit.mini.train.vocoder --data DATA/esc10 --out OUT --vae VAE_OUT --minutes 20

The vocoder is transformers' SpeechT5HifiGan, which is HiFi-GAN's generator, as AudioLDM's folder has it. It is
written in (vocoder_start.py) and fitted to recordings, not trained: with multi-resolution STFT losses and no
discriminator it lost in 1,700 steps what it was given, and told classes apart worse than before. What is trained is
the autoencoder's decoder, by the mean absolute error of its spectrograms, while the encoder stands still, so that a
diffusion model can train on its latents at the same time. Latents have more or less noise on them, as a diffusion
model's will have. Folds 1-3 train; fold 4 is held out. A finished recipe ships both networks.
Source: Kong et al. 2020, "HiFi-GAN", section 2.1 (the generator).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator as Rng
from torch import Tensor

from evalkit.generators.hub_folder import read_network
from evalkit.mini.recordings.mel_windows import BANDS, RATE, draw_sounds, log_mel
from evalkit.mini.recordings.scenes import Recording, load_recordings
from evalkit.mini.starts.vocoder import fit_levels, start_vocoder
from evalkit.mini.train import mel_vae
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, read_options, set_rate

FRAMES, WINDOWS = 256, 4
"""Length and number of the windows of a step."""

FITTED = 48
"""Windows that the vocoder is fitted to."""

NOISE = 0.3
"""Largest deviation of the noise on latents, whose own is about 1."""

PEAK_RATE = 5e-4


def new_vocoder() -> Any:
    """HiFi-GAN from 64 bands, 12 channels wide at 16 kHz: (batch, frames, 64) -> (batch, 160 * frames)."""
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    config = SpeechT5HifiGanConfig(
        model_in_dim=BANDS,
        sampling_rate=RATE,
        upsample_initial_channel=192,
        upsample_rates=[5, 4, 4, 2],
        upsample_kernel_sizes=[11, 8, 8, 4],
        resblock_kernel_sizes=[3, 7],
        resblock_dilation_sizes=[[1, 3], [1]],
        leaky_relu_slope=0.0,
        normalize_before=False,
    )
    return SpeechT5HifiGan(config)


def objective(vae: Any, mels: Tensor, rng: Rng) -> Tensor:
    """Mean absolute error, in nats, of log mels (batch, frames, 64) decoded from noisy latents."""
    with torch.no_grad():
        latents = vae.encode(mels[:, None]).latent_dist.mean
    noise = torch.from_numpy(NOISE * rng.random((len(mels), 1, 1, 1))).float() / vae.config.scaling_factor
    error: Tensor = (vae.decode(latents + noise * torch.randn_like(latents)).sample[:, 0] - mels).abs().mean()
    return error


def load(folder: Path) -> Any:
    """The vocoder that `train` shipped. Raises MissingWeights or BadCheckpoint."""
    return read_network(type(new_vocoder()), folder / "vocoder")


def train(options: Options) -> None:
    """Train, then write `out/vocoder` and `out/vae`."""
    assert options.vae is not None
    torch.manual_seed(options.seed)
    vae = mel_vae.load(options.vae)
    recordings = load_recordings(options.data, RATE, (1, 2, 3))
    test = load_recordings(options.data, RATE, (4,))
    ends = [*vae.decoder.parameters(), *vae.post_quant_conv.parameters()]
    for parameter in ends:
        parameter.requires_grad_(True)
    ema = Ema(vae, decay=0.995)
    optimizer = torch.optim.AdamW(ends, lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    modules = {"vae": vae, "ema": ema.module}
    loop = Loop(options, modules=modules, optimizers={"vae": optimizer})
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        loss = objective(vae, log_mel(draw_sounds(rng, recordings, WINDOWS, FRAMES)), rng)
        descend(optimizer, loss)
        ema.update(vae, step)
        loop.log(step, {"error": loss.item()})
        if (step + 1) % 250 == 0:
            loop.note(step, mel_vae.held_out(ema.module, test))
    ema.module.save_pretrained(options.out / "vae")
    new_fitted(recordings, options.seed).save_pretrained(options.out / "vocoder")


def new_fitted(recordings: Sequence[Recording], seed: int) -> Any:
    """The vocoder that ships."""
    vocoder = new_vocoder()
    start_vocoder(vocoder, seed)
    fit_levels(vocoder, log_mel(draw_sounds(np.random.default_rng([seed, 2]), recordings, FITTED, FRAMES)))
    return vocoder


def main() -> None:
    torch.set_num_threads(1)
    train(read_options(__doc__ or "", steps=40000, needs_vae=True))


if __name__ == "__main__":
    main()
