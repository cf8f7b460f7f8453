"""Recipe of stable-audio-mini's diffusion transformer, on the latents of its autoencoder.

    python -m evalkit.mini.train_dit --data DATA/esc10 --out OUT --vae VAE_OUT --minutes 60

Velocity objective on the cosine schedule, captions through clap-mini's text tower (penultimate layer), timing
conditioning over silence-padded windows, the condition dropped in 10 % of the items, an EMA of the weights.
Source: Evans et al., "Long-form music generation with latent diffusion", 2024, section 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.random import Generator as Rng
from numpy.typing import NDArray
from torch import Tensor, nn

from evalkit.core.jsonio import write_bytes, write_json
from evalkit.fetch.weights import locate
from evalkit.generators.stable_audio import CONFIG, WEIGHTS, published_names
from evalkit.generators.text_towers import ClapTower
from evalkit.mini import train_vae
from evalkit.mini.captions import caption
from evalkit.mini.scenes import WINDOW_SECONDS, Recording, load_recordings, random_scene, render
from evalkit.mini.training import Ema, Loop, Options, cosine, read_options, set_rate
from evalkit.nets.stable_audio.config import ModelConfig, parse
from evalkit.nets.stable_audio.model import StableAudio
from evalkit.nets.stable_audio.oobleck import OobleckVAE

BATCH = 16
PEAK_RATE = 8e-4
DROPOUT = 0.1
POOL = 1024
"""Windows held ready as latents; every step some of them are replaced by new ones."""
RENEWED = 1


FORMING = (0.1, 3.0)
"""Noise levels that half of the items visit. The signs of a lapped transform are as good as random: far above its
coefficients nothing can be told of them, and far below them nothing is left to tell."""

TEXT_WIDTH = 128
"""Width of clap-mini's text tower, and of every condition."""


def model_config(latent_scale: float) -> dict[str, object]:
    """The `model_config.json` of stable-audio-mini, in stable-audio-tools' format."""
    return {
        "model_type": "diffusion_cond",
        "sample_size": round(WINDOW_SECONDS * train_vae.RATE),
        "sample_rate": train_vae.RATE,
        "audio_channels": 2,
        "model": {
            "pretransform": {"type": "autoencoder", "scale": latent_scale, "config": _autoencoder()},
            "conditioning": {"configs": _conditioners(), "cond_dim": TEXT_WIDTH},
            "diffusion": {
                "type": "dit",
                "cross_attention_cond_ids": ["prompt", "seconds_start", "seconds_total"],
                "global_cond_ids": ["seconds_start", "seconds_total"],
                "config": _transformer(),
            },
            "io_channels": train_vae.CONFIG.latent,
        },
    }


def _autoencoder() -> dict[str, object]:
    vae = train_vae.CONFIG
    sizes = {"channels": vae.channels, "c_mults": list(vae.c_mults), "strides": list(vae.strides), "use_snake": True}
    ends = {"in_channels": vae.io_channels, "latent_dim": 2 * vae.latent}
    starts = {"out_channels": vae.io_channels, "latent_dim": vae.latent, "final_tanh": False}
    return {
        "encoder": {"type": "oobleck", "config": {**ends, **sizes}},
        "decoder": {"type": "oobleck", "config": {**starts, **sizes}},
        "bottleneck": {"type": "vae"},
        "latent_dim": vae.latent,
        "downsampling_ratio": vae.ratio,
        "io_channels": vae.io_channels,
    }


def _conditioners() -> list[dict[str, object]]:
    seconds = {"type": "number", "config": {"min_val": 0, "max_val": 8}}
    clap = {"clap_ckpt_path": "clap-mini", "use_text_features": True, "feature_layer_ix": -2}
    return [
        {"id": "prompt", "type": "clap_text", "config": clap},
        {"id": "seconds_start", **seconds},
        {"id": "seconds_total", **seconds},
    ]


def _transformer() -> dict[str, object]:
    return {
        "io_channels": train_vae.CONFIG.latent,
        "embed_dim": 256,
        "depth": 4,
        "num_heads": 8,
        "cond_token_dim": TEXT_WIDTH,
        "global_cond_dim": 2 * TEXT_WIDTH,
        "project_cond_tokens": False,
        "transformer_type": "continuous_transformer",
    }


@dataclass
class Pool:
    """Windows ready to train on: latents (POOL, channels, length), captions, seconds."""

    latents: Tensor
    captions: list[str]
    seconds: Tensor


class Source:
    """Makes windows: a scene, its caption, and its latents drawn from the autoencoder's posterior."""

    def __init__(self, vae: OobleckVAE, scale: float, recordings: Sequence[Recording], device: str) -> None:
        self._vae, self._scale, self._recordings, self._device = vae, scale, recordings, device

    @torch.no_grad()
    def draw(self, rng: Rng, count: int) -> Pool:
        """`count` windows; the sound begins at 0 and silence follows it to the window's end."""
        windows = np.zeros((count, 2, round(WINDOW_SECONDS * train_vae.RATE)), dtype=np.float32)
        captions, seconds = [], torch.zeros(count)
        for index in range(count):
            scene = random_scene(rng, self._recordings)
            sound = render(scene, train_vae.RATE)
            windows[index, :, : sound.shape[1]] = sound
            captions.append(caption(scene, rng))
            seconds[index] = scene.seconds
        mean, std = self._vae.posterior(torch.from_numpy(windows).to(self._device))
        return Pool((mean + std * torch.randn_like(std)) / self._scale, captions, seconds)


def fill_pool(source: Source, rng: Rng) -> Pool:
    """The first POOL windows, encoded in small batches."""
    parts = [source.draw(rng, 16) for _ in range(POOL // 16)]
    return Pool(
        torch.cat([part.latents for part in parts]),
        [text for part in parts for text in part.captions],
        torch.cat([part.seconds for part in parts]),
    )


def renew(pool: Pool, source: Source, rng: Rng) -> None:
    """Replace RENEWED windows of the pool by new ones, in place."""
    fresh = source.draw(rng, RENEWED)
    for slot, index in enumerate(rng.choice(POOL, RENEWED, replace=False)):
        pool.latents[index] = fresh.latents[slot]
        pool.captions[index] = fresh.captions[slot]
        pool.seconds[index] = fresh.seconds[slot]


def velocity_loss(model: StableAudio, clean: Tensor, text: Tensor, seconds: Tensor, rng: Rng) -> Tensor:
    """Mean squared error of v at random times, for latents (batch, channels, length)."""
    batch = clean.shape[0]
    t = torch.from_numpy(random_times(rng, batch)).to(clean)
    alpha, sigma = torch.cos(t * torch.pi / 2)[:, None, None], torch.sin(t * torch.pi / 2)[:, None, None]
    noise = torch.randn_like(clean)
    tokens, condition = model.condition(text, seconds.tolist())
    kept = torch.from_numpy(rng.random(batch) >= DROPOUT).to(clean)
    v = model.dit(alpha * clean + sigma * noise, t, tokens * kept[:, None, None], condition)
    return (v - (alpha * noise - sigma * clean)).square().mean()


def random_times(rng: Rng, batch: int) -> NDArray[np.float64]:
    """(batch,) times in [0, 1]: half of them uniform, half log-uniform in noise level over FORMING.

    Each half is stratified, which lowers the variance of the loss at no cost.
    """
    share = (np.arange(batch) // 2 + rng.random(batch)) / -(-batch // 2)
    low, high = np.log(FORMING)
    forming = 2 / np.pi * np.arctan(np.exp(low + (high - low) * share))
    return np.asarray(rng.permutation(np.where(np.arange(batch) % 2, forming, share)))


def latent_scale(source: Source, rng: Rng) -> float:
    """Standard deviation of latents, so that the diffusion model sees about unit variance."""
    return float(source.draw(rng, 64).latents.std())


def train(options: Options) -> None:
    """Train, then write the shipped folder with both networks under their published names.

    The checkpoint holds no autoencoder: a finished recipe run again with another decoder ships that one.
    """
    recordings = load_recordings(options.data, train_vae.RATE, (1, 2, 3))
    vae = train_vae.load(options)
    vae = vae.to(options.device).eval().requires_grad_(False)
    rng = np.random.default_rng([options.seed, 1])
    scale = latent_scale(Source(vae, 1.0, recordings, options.device), rng)
    source = Source(vae, scale, recordings, options.device)
    config = model_config(scale)
    model = _new_model(parse(config, "stable-audio-mini"), vae).to(options.device)
    ema = Ema(model, decay=0.995)
    _optimize(options, model, ema, source)
    ship(options.out, ema.module, config)


def _new_model(config: ModelConfig, vae: OobleckVAE) -> StableAudio:
    model = StableAudio(config)
    model.vae = vae
    model.dit.initialize()
    return model


def _optimize(options: Options, model: StableAudio, ema: Ema, source: Source) -> None:
    tower = ClapTower(locate("clap-mini", {}), options.device)
    free = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(free, lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    pool = fill_pool(source, np.random.default_rng([options.seed, 2]))
    modules: dict[str, nn.Module] = {
        "dit": model.dit,
        "numbers": model.numbers,
        "ema_dit": ema.module.dit,
        "ema_numbers": ema.module.numbers,
    }
    optimizers = {"dit": optimizer}
    loop = Loop(options.out, options.seed, options.steps, options.minutes, modules=modules, optimizers=optimizers)
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        renew(pool, source, rng)
        chosen = rng.choice(POOL, BATCH, replace=False)
        text = tower.encode([pool.captions[index] for index in chosen])
        loss = velocity_loss(model, pool.latents[chosen], text, pool.seconds[chosen], rng)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(free, 1.0)
        optimizer.step()
        ema.update(model, step)
        loop.log(step, {"velocity": loss.item(), "gradient_norm": norm.item()})


def ship(out: Path, model: StableAudio, config: dict[str, object]) -> None:
    """Write `out/model.safetensors` (fp16, names as published) and `out/model_config.json`."""
    tensors = {name: value.half().cpu().contiguous() for name, value in published_names(model.state_dict()).items()}
    write_bytes(out / WEIGHTS, safetensors.torch.save(tensors, {"format": "pt"}))
    write_json(out / CONFIG, config)


def main() -> None:
    options = read_options(__doc__ or "", steps=6000, needs_vae=True)
    torch.manual_seed(options.seed)
    train(options)


if __name__ == "__main__":
    main()
