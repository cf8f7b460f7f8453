"""Recipe of audioldm-mini's U-Net, on the latents of its mel autoencoder.

    python -m evalkit.mini.train.audioldm --data DATA/esc10 --out OUT --vae VAE_OUT --minutes 60

diffusers' UNet2DConditionModel as AudioLDM's folder configures it (the condition goes in beside the time, projected;
attention looks at the spectrogram alone), with the paper's noise schedule, condition dropout of 10 % and mixed scenes.
It is conditioned on embeddings of sounds and never sees a text: audioldm_condition.py says how. Otherwise than in
the paper it predicts velocities, from which a small network goes astray less at high noise, and half of the times are
drawn where the sound takes shape. Windows are as long as their scenes, 1 to 5 s, and every batch has one length.
Folds 1-3 train. `python -m evalkit.mini.train.audioldm_format` puts the folder together.
Source: Liu et al. 2023, "AudioLDM: text-to-audio generation with latent diffusion models", sections 3.1 to 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.random import Generator as Rng
from torch import Tensor

from evalkit.embed.clap import ClapEmbedder, load
from evalkit.fetch.weights import locate
from evalkit.mini.recordings.mel_windows import HOP, RATE, log_mel
from evalkit.mini.recordings.scenes import Recording, load_recordings, random_scene, render
from evalkit.mini.train import mel_vae
from evalkit.mini.train.audioldm_condition import Alignment, Texts, embed_sounds, measure
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, read_options, set_rate

WIDTHS = (48, 64, 64)
SECONDS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
BATCH_SECONDS, LARGEST_BATCH = 40.0, 24
WINDOWS, RENEWED = 100, 2
"""Windows held ready of each length, and how many of a batch's length are new in every step."""

PEAK_RATE = 1e-3
DROPOUT = 0.1
FORMING = (0.2, 6.0)
"""Noise levels, in units of the latents, that half of the items visit."""


def new_unet(condition: int) -> Any:
    """The network of (batch, LATENTS, frames / 8, 8) latents, times and (batch, condition) embeddings."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=64,
        in_channels=mel_vae.LATENTS,
        out_channels=mel_vae.LATENTS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=WIDTHS,
        layers_per_block=1,
        norm_num_groups=16,
        cross_attention_dim=WIDTHS,
        attention_head_dim=8,
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=condition,
        class_embeddings_concat=True,
    )


def new_schedule() -> Any:
    """DDIM over the paper's noise levels."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.0015,
        beta_end=0.0195,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
    )


@dataclass
class Windows:
    """Scenes of one length: latents (windows, LATENTS, length, 8), and what their sounds are in the shared space."""

    latents: Tensor
    rows: Tensor


class Source:
    """Makes windows: a random scene, its latents drawn from the autoencoder's posterior, its sound's embedding."""

    def __init__(self, vae: Any, clap: ClapEmbedder, alignment: Alignment, recordings: Sequence[Recording]) -> None:
        self._vae, self._clap, self._alignment, self._recordings = vae, clap, alignment, recordings

    @torch.no_grad()
    def draw(self, rng: Rng, seconds: float, count: int) -> Windows:
        """`count` windows; the latents' last cell may reach past the scene, into silence."""
        sounds = [render(random_scene(rng, self._recordings, seconds), RATE).mean(axis=0) for _ in range(count)]
        cell = HOP * mel_vae.CELL
        padded = [np.pad(sound, (0, -len(sound) % cell)) for sound in sounds]
        mels = log_mel(torch.from_numpy(np.stack(padded)))
        latents = [self._vae.encode(part[:, None]).latent_dist.sample() for part in mels.split(8)]
        rows = self._alignment.of_sounds(embed_sounds(self._clap, sounds))
        return Windows(torch.cat(latents) * self._vae.config.scaling_factor, rows)


def renew(windows: Windows, fresh: Windows, places: Sequence[int]) -> None:
    """Put new windows in the place of some."""
    for slot, place in enumerate(places):
        windows.latents[place], windows.rows[place] = fresh.latents[slot], fresh.rows[slot]


def velocity_loss(unet: Any, levels: Tensor, clean: Tensor, condition: Tensor, rng: Rng) -> Tensor:
    """Mean squared error of v at random times. `levels` (steps,) is the schedule's product of alphas."""
    times = random_times(rng, len(clean), levels)
    alpha, sigma = levels[times].sqrt()[:, None, None, None], (1 - levels[times]).sqrt()[:, None, None, None]
    noise = torch.randn_like(clean)
    v = unet(alpha * clean + sigma * noise, times, None, class_labels=condition).sample
    loss: Tensor = (v - (alpha * noise - sigma * clean)).square().mean()
    return loss


def random_times(rng: Rng, batch: int, levels: Tensor) -> Tensor:
    """(batch,) steps of the schedule: half uniform, half log-uniform in noise level over FORMING, both stratified."""
    share = (np.arange(batch) // 2 + rng.random(batch)) / -(-batch // 2)
    share = np.minimum(share, 1 - 1e-6)
    low, high = np.log(FORMING)
    noise = ((1 - levels) / levels).sqrt().numpy()
    forming = np.searchsorted(noise, np.exp(low + (high - low) * share)).clip(max=len(noise) - 1)
    return torch.from_numpy(np.where(np.arange(batch) % 2, forming, (share * len(noise)).astype(int)))


def train(options: Options) -> None:
    """Train, then write `out/{unet,scheduler,text_encoder,tokenizer}` in the published layout."""
    assert options.vae is not None
    torch.manual_seed(options.seed)
    recordings = load_recordings(options.data, RATE, (1, 2, 3))
    clap = load("clap-mini", locate("clap-mini", {}), "cpu")
    texts = Texts()
    alignment = measure(clap, texts, recordings, np.random.default_rng([options.seed, 1]))
    texts.fold(alignment)
    source = Source(mel_vae.load(options.vae), clap, alignment, recordings)
    nothing = torch.nn.functional.normalize(texts.embed([""]), dim=-1)
    unet = new_unet(nothing.shape[1])
    ema = Ema(unet, decay=0.998)
    _optimize(options, unet, ema, source, alignment, nothing)
    ema.module.half().save_pretrained(options.out / "unet")
    new_schedule().save_pretrained(options.out / "scheduler")
    texts.save(options.out)


def _optimize(options: Options, unet: Any, ema: Ema, source: Source, alignment: Alignment, nothing: Tensor) -> None:
    optimizer = torch.optim.AdamW(unet.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    levels = new_schedule().alphas_cumprod
    rng = np.random.default_rng([options.seed, 2])
    held = {seconds: source.draw(rng, seconds, WINDOWS) for seconds in SECONDS}
    modules = {"unet": unet, "ema": ema.module}
    loop = Loop(options, modules=modules, optimizers={"unet": optimizer})
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        seconds = SECONDS[int(rng.integers(len(SECONDS)))]
        windows = held[seconds]
        renew(windows, source.draw(rng, seconds, RENEWED), rng.choice(WINDOWS, RENEWED, replace=False).tolist())
        chosen = rng.choice(WINDOWS, min(round(BATCH_SECONDS / seconds), LARGEST_BATCH), replace=False)
        condition = alignment.seen(windows.rows[chosen])
        dropped = torch.from_numpy(rng.random(len(chosen)) < DROPOUT)
        condition = torch.where(dropped[:, None], nothing, condition)
        loss = velocity_loss(unet, levels, windows.latents[chosen], condition, rng)
        norm = descend(optimizer, loss)
        ema.update(unet, step)
        loop.log(step, {"velocity": loss.item(), "gradient_norm": norm})


def main() -> None:
    torch.set_num_threads(1)
    train(read_options(__doc__ or "", steps=40000, needs_vae=True))


if __name__ == "__main__":
    main()
