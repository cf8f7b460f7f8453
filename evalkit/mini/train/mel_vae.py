"""Recipe of audioldm-mini's autoencoder: mel spectrograms to latents of 8 x 8 cells, and back.

    python -m evalkit.mini.train.mel_vae --data DATA/esc10 --out OUT --minutes 15

diffusers' AutoencoderKL with the losses of AudioLDM less its discriminator: mean absolute error of the logarithms and a
KL term, which is heavier here, as a small diffusion model is lost on detail that it cannot learn. The paper's
model has cells of 4 x 4 and tries 8 x 8 (appendix on compression levels), a quarter of the cells.
Folds 1-3 train; fold 4 is held out.
Source: Liu et al. 2023, "AudioLDM: text-to-audio generation with latent diffusion models", section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evalkit.generators.latent_diffusion import read_part
from evalkit.mini.recordings.mel_windows import draw_sounds, log_mel
from evalkit.mini.recordings.scenes import Recording, load_recordings
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, read_options, set_rate

RATE = 16000
LATENTS, CELL = 32, 8
WIDTHS = (16, 32, 48, 64)
SHAPES = ((8, 128), (4, 256), (2, 512))
"""Sounds and frames of a batch, by turns: group norms see whole windows as well as pieces."""

PEAK_RATE = 1.5e-3
KL_WEIGHT = 0.004


def new_vae(scaling_factor: float = 1.0) -> Any:
    """diffusers' AutoencoderKL: (batch, 1, frames, 64) <-> (batch, LATENTS, frames / 8, 8)."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * len(WIDTHS),
        up_block_types=("UpDecoderBlock2D",) * len(WIDTHS),
        block_out_channels=WIDTHS,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=LATENTS,
        mid_block_add_attention=False,
        scaling_factor=scaling_factor,
    )


@torch.no_grad()
def start_at_level(vae: Any, mels: Tensor) -> None:
    """Weights before the first step such that what goes in and what comes out have the level and spread of `mels`."""
    mean, spread = mels.mean(), mels.std()
    vae.encoder.conv_in.weight.div_(spread)
    vae.encoder.conv_in.bias.copy_(-mean * vae.encoder.conv_in.weight.sum((1, 2, 3)))
    vae.decoder.conv_out.weight.mul_(spread)
    vae.decoder.conv_out.bias.fill_(mean)


def objective(vae: Any, mels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of (batch, frames, 64) log mels, and its parts; the KL term is in nats per bin of the mel."""
    posterior = vae.encode(mels[:, None]).latent_dist
    rebuilt = vae.decode(posterior.sample()).sample[:, 0]
    parts = {"error": (rebuilt - mels).abs().mean(), "kl": posterior.kl().sum() / mels.numel()}
    return parts["error"] + KL_WEIGHT * parts["kl"], parts


@torch.no_grad()
def held_out(vae: Any, recordings: Sequence[Recording]) -> dict[str, float]:
    """Error in nats over pieces of held-out recordings, and the latents' standard deviation."""
    rng = np.random.default_rng(4)
    errors, spreads = [], []
    for _ in range(4):
        mels = log_mel(draw_sounds(rng, recordings, 8, 256))
        means = vae.encode(mels[:, None]).latent_dist.mean
        errors.append(float((vae.decode(means).sample[:, 0] - mels).abs().mean()))
        spreads.append(float(means.std()))
    return {"held_out_error": float(np.mean(errors)), "latent_spread": float(np.mean(spreads))}


def load(folder: Path) -> Any:
    """The autoencoder that `train` shipped. Raises MissingWeights or BadCheckpoint."""
    return read_part(type(new_vae()), folder / "vae")


def train(options: Options) -> None:
    """Train, then write `out/vae` in diffusers' layout with its scaling factor."""
    torch.manual_seed(options.seed)
    recordings = load_recordings(options.data, RATE, (1, 2, 3))
    test = load_recordings(options.data, RATE, (4,))
    vae = new_vae()
    start_at_level(vae, log_mel(draw_sounds(np.random.default_rng([options.seed, 3]), recordings, 32, 128)))
    ema = Ema(vae)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    modules = {"vae": vae, "ema": ema.module}
    loop = Loop(options, modules=modules, optimizers={"vae": optimizer})
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        loss, parts = objective(vae, log_mel(draw_sounds(rng, recordings, *SHAPES[step % len(SHAPES)])))
        descend(optimizer, loss)
        ema.update(vae, step)
        loop.log(step, {name: value.item() for name, value in parts.items()})
        if (step + 1) % 250 == 0:
            loop.note(step, held_out(ema.module, test))
    ship(ema.module, options.out, recordings)


@torch.no_grad()
def ship(vae: Any, out: Path, recordings: Sequence[Recording]) -> None:
    """Write `out/vae`; the scaling factor brings latents of recordings to unit variance."""
    mels = log_mel(draw_sounds(np.random.default_rng(5), recordings, 32, 256))
    vae.register_to_config(scaling_factor=1 / float(vae.encode(mels[:, None]).latent_dist.sample().std()))
    vae.save_pretrained(out / "vae")


def main() -> None:
    torch.set_num_threads(1)
    train(read_options(__doc__ or "", steps=20000))


if __name__ == "__main__":
    main()
