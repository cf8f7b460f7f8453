"""What the recipes of the Stable Audio minis share: how a diffusion network learns on an autoencoder's latents.

Velocity objective on the cosine schedule, captions through clap-mini's text tower (penultimate layer), timing
conditioning over silence-padded windows, the condition dropped in 10 % of the items (the network says what it then
sees), an EMA of the weights. Source: Evans et al., "Fast timing-conditioned latent audio diffusion", 2024, section
3; "Long-form music generation with latent diffusion", 2024, section 2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.random import Generator as Rng
from numpy.typing import NDArray
from torch import Tensor, nn

from evalkit.core.files import write_bytes
from evalkit.core.jsonio import write_json
from evalkit.fetch.weights import locate
from evalkit.generators.stable_audio.generator import CONFIG, WEIGHTS, published_names
from evalkit.generators.stable_audio.text_towers import ClapTower, TextTower
from evalkit.mini.recordings.captions import caption
from evalkit.mini.recordings.scenes import WINDOW_SECONDS, Recording, load_recordings, random_scene, render
from evalkit.mini.train.autoencoder import RATE, Start
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, set_rate
from evalkit.nets.stable_audio.conditioning import Condition
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.dac_vae import DacConfig
from evalkit.nets.stable_audio.dit import DiT
from evalkit.nets.stable_audio.model import StableAudio
from evalkit.nets.stable_audio.oobleck import OobleckConfig
from evalkit.nets.stable_audio.unet1d import UNet
from evalkit.nets.stable_audio.vae import VAE

BATCH = 16
DROPOUT = 0.1
POOL = 1024
"""Windows held ready as latents; some of them are replaced by new ones as training goes."""

FORMING = (0.1, 3.0)
"""Noise levels that half of the items visit. The signs of a lapped transform are as good as random: far above its
coefficients nothing can be told of them, and far below them nothing is left to tell."""

TEXT_WIDTH = 128
"""Width of clap-mini's text tower, and of every condition."""


def begin(backbone: DiT | UNet) -> None:
    """Start a network as published training does."""
    backbone.initialize()


@dataclass(frozen=True)
class Recipe:
    """A model: its name, its autoencoder, the block `model.diffusion` of its config, and how it is told seconds.

    Training begins with `first` windows; every `renewal` steps there is a new one. `half` computes the network in
    bfloat16 where torch's autocast does, which on a CPU with such instructions is a fifth quicker. `rate` is the
    learning rate's peak, `begin` sets the network's weights before the first step.
    """

    name: str
    autoencoder: Start
    diffusion: Mapping[str, object]
    seconds: str
    first: int = POOL
    renewal: int = 1
    half: bool = False
    rate: float = 8e-4
    begin: Callable[[DiT | UNet], None] = begin

    def model_config(self, latent_scale: float) -> dict[str, object]:
        """The model's `model_config.json`, in stable-audio-tools' format."""
        return {
            "model_type": "diffusion_cond",
            "sample_size": round(WINDOW_SECONDS * RATE),
            "sample_rate": RATE,
            "audio_channels": 2,
            "model": {
                "pretransform": {
                    "type": "autoencoder",
                    "scale": latent_scale,
                    "config": autoencoder_block(self.autoencoder.config),
                },
                "conditioning": {"configs": _conditioners(self.seconds), "cond_dim": TEXT_WIDTH},
                "diffusion": dict(self.diffusion),
                "io_channels": self.autoencoder.config.latent,
            },
        }


def autoencoder_block(config: OobleckConfig | DacConfig) -> dict[str, object]:
    """The block `model.pretransform.config` of an autoencoder."""
    first: dict[str, object] = {"in_channels": config.io_channels, "latent_dim": 2 * config.latent}
    last: dict[str, object] = {"out_channels": config.io_channels, "latent_dim": config.latent}
    if isinstance(config, DacConfig):
        kind = "dac"
        first |= {"d_model": config.d_model, "strides": list(config.strides)}
        last |= {"channels": config.channels, "rates": list(config.rates)}
    else:
        kind = "oobleck"
        sizes = {"channels": config.channels, "c_mults": list(config.c_mults), "strides": list(config.strides)}
        first |= {**sizes, "use_snake": True}
        last |= {"final_tanh": config.final_tanh, **sizes, "use_snake": True}
    return {
        "encoder": {"type": kind, "config": first},
        "decoder": {"type": kind, "config": last},
        "bottleneck": {"type": "vae"},
        "latent_dim": config.latent,
        "downsampling_ratio": config.ratio,
        "io_channels": config.io_channels,
    }


def _conditioners(kind: str) -> list[dict[str, object]]:
    seconds = {"type": kind, "config": {"min_val": 0, "max_val": 8}}
    clap = {"clap_ckpt_path": "clap-mini", "use_text_features": True, "feature_layer_ix": -2}
    return [
        {"id": "prompt", "type": "clap_text", "config": clap},
        {"id": "seconds_start", **seconds},
        {"id": "seconds_total", **seconds},
    ]


@dataclass(frozen=True)
class Window:
    """One window to train on: latents (channels, length), text (tokens, width) with its mask (tokens,), seconds."""

    latents: Tensor
    text: Tensor
    mask: Tensor
    seconds: float


class Source:
    """Makes windows: a scene, what its caption tells, and latents drawn from the autoencoder's posterior."""

    def __init__(self, recordings: Sequence[Recording], vae: VAE, scale: float, tower: TextTower, device: str) -> None:
        self._recordings, self._vae, self._scale, self._tower, self._device = recordings, vae, scale, tower, device

    @torch.no_grad()
    def draw(self, rng: Rng, count: int) -> list[Window]:
        """`count` windows; the sound begins at 0 and silence follows it to the window's end."""
        windows = np.zeros((count, 2, round(WINDOW_SECONDS * RATE)), dtype=np.float32)
        captions, seconds = [], []
        for index in range(count):
            scene = random_scene(rng, self._recordings)
            sound = render(scene, RATE)
            windows[index, :, : sound.shape[1]] = sound
            captions.append(caption(scene, rng))
            seconds.append(scene.seconds)
        mean, std = self._vae.posterior(torch.from_numpy(windows).to(self._device))
        latents = (mean + std * torch.randn_like(std)) / self._scale
        text, mask = self._tower.read(captions)
        return [Window(*of_one) for of_one in zip(latents, text, mask, seconds, strict=True)]


def fill_pool(source: Source, rng: Rng, count: int) -> list[Window]:
    """The first windows, `count` or a few more, made in small batches."""
    return [window for _ in range(-(-count // BATCH)) for window in source.draw(rng, BATCH)]


def renew(pool: list[Window], source: Source, rng: Rng) -> None:
    """Another window: one more, or in a full pool instead of one that is there."""
    (fresh,) = source.draw(rng, 1)
    if len(pool) < POOL:
        pool.append(fresh)
    else:
        pool[int(rng.choice(len(pool)))] = fresh


def velocity_loss(model: StableAudio, clean: Tensor, told: Condition, rng: Rng) -> Tensor:
    """Mean squared error of v at random times, for latents (batch, channels, length) and what is told of them."""
    batch = clean.shape[0]
    t = torch.from_numpy(random_times(rng, batch)).to(clean)
    alpha, sigma = torch.cos(t * torch.pi / 2)[:, None, None], torch.sin(t * torch.pi / 2)[:, None, None]
    noise = torch.randn_like(clean)
    kept = torch.from_numpy(rng.random(batch) >= DROPOUT).to(clean.device)[:, None, None]
    nothing = model.backbone.null(told).tokens
    assert told.tokens is not None and nothing is not None
    seen = replace(told, tokens=torch.where(kept, told.tokens, nothing))
    v = model.backbone.velocity(alpha * clean + sigma * noise, t, seen)
    return (v.float() - (alpha * noise - sigma * clean)).square().mean()


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
    return float(torch.stack([window.latents for window in fill_pool(source, rng, 64)]).std())


def train(options: Options, recipe: Recipe) -> None:
    """Train, then write the shipped folder with both networks under their published names.

    The checkpoint holds no autoencoder: a finished recipe run again with another decoder ships that one.
    """
    recordings = load_recordings(options.data, RATE, (1, 2, 3))
    vae = recipe.autoencoder.load(options).to(options.device).eval().requires_grad_(False)
    tower = ClapTower(locate("clap-mini", {}), options.device)
    rng = np.random.default_rng([options.seed, 1])
    scale = latent_scale(Source(recordings, vae, 1.0, tower, options.device), rng)
    source = Source(recordings, vae, scale, tower, options.device)
    config = recipe.model_config(scale)
    model = new_model(recipe, config, vae).to(options.device)
    ema = Ema(model, decay=0.995)
    _optimize(options, recipe, model, ema, source)
    ship(options.out, ema.module, config)


def new_model(recipe: Recipe, config: dict[str, object], vae: VAE) -> StableAudio:
    """The model before its first step."""
    model = StableAudio(parse(config, recipe.name))
    model.vae = vae
    recipe.begin(model.backbone)
    return model


def _optimize(options: Options, recipe: Recipe, model: StableAudio, ema: Ema[StableAudio], source: Source) -> None:
    free = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(free, lr=recipe.rate, betas=(0.9, 0.99), weight_decay=1e-3)
    modules: dict[str, nn.Module] = {
        "backbone": model.backbone,
        "conditioners": model.conditioners,
        "ema_backbone": ema.module.backbone,
        "ema_conditioners": ema.module.conditioners,
    }
    optimizers = {"backbone": optimizer}
    loop = Loop(options, modules=modules, optimizers=optimizers)
    pool = fill_pool(source, np.random.default_rng([options.seed, 2]), recipe.first) if loop.progress < 1 else []
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, recipe.rate * cosine(loop.progress))
        if step % recipe.renewal == 0:
            renew(pool, source, rng)
        chosen = [pool[index] for index in rng.choice(len(pool), BATCH, replace=False)]
        loss = _loss(model, chosen, rng, recipe.half)
        norm = descend(optimizer, loss)
        ema.update(model, step)
        loop.log(step, {"velocity": loss.item(), "gradient_norm": norm})


def _loss(model: StableAudio, windows: Sequence[Window], rng: Rng, half: bool) -> Tensor:
    clean = torch.stack([window.latents for window in windows])
    text, mask = torch.stack([window.text for window in windows]), torch.stack([window.mask for window in windows])
    with torch.autocast(clean.device.type, torch.bfloat16, enabled=half):
        told = model.describe(text, [window.seconds for window in windows], mask)
        return velocity_loss(model, clean, told, rng)


def ship(out: Path, model: StableAudio, config: dict[str, object]) -> None:
    """Write `out/model.safetensors` (fp16, names as published) and `out/model_config.json`."""
    tensors = {name: value.half().cpu().contiguous() for name, value in published_names(model.state_dict()).items()}
    write_bytes(out / WEIGHTS, safetensors.torch.save(tensors, {"format": "pt"}))
    write_json(out / CONFIG, config)
