"""Recipe of stable-audio-3-mini's autoencoder: a small SAME at 16 kHz mono, 640 samples a latent.

    python -m evalkit.mini.train.same --data DATA/esc10 --out OUT --minutes 10

The decoder is written, not trained (starts/same.py). The encoder learns to say the latents that it is written for, by
mean squares; the diffusion model learns from these latents themselves, so that both can be trained at the same time
(`--steps 0` writes the decoder). Folds 1-3 train; fold 4 is held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.random import Generator as Rng
from torch import Tensor
from torch.nn import functional as F

from evalkit.checkpoints.tensors import load_into, read_tensors
from evalkit.core.files import write_bytes
from evalkit.mini.recordings.scenes import WINDOW_SECONDS, Recording, load_recordings, random_scene, render
from evalkit.mini.starts.same import CONFIG, Analysis, fit_analysis, start_same
from evalkit.mini.starts.tiles import RATE
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, read_options, set_rate, ship
from evalkit.nets.stable_audio.same import SameAutoencoder

BATCH, SCENES = 16, 400
PEAK_RATE = 2e-3
WINDOW = round(WINDOW_SECONDS * RATE)
WEIGHTS, ANALYSIS = "model.safetensors", "analysis.safetensors"


def windows(scenes: Sequence[np.ndarray]) -> Tensor:
    """(batch, WINDOW): the scenes in mono, with silence behind them."""
    mono = [np.pad(scene.mean(axis=0), (0, WINDOW - scene.shape[1])) for scene in scenes]
    return torch.from_numpy(np.stack(mono).astype(np.float32))


def draw(rng: Rng, recordings: Sequence[Recording], count: int) -> Tensor:
    """(count, WINDOW) of random scenes."""
    return windows([render(random_scene(rng, recordings), RATE) for _ in range(count)])


def load(folder: Path) -> tuple[SameAutoencoder, Analysis]:
    """The autoencoder and what its latents are, as `train` wrote them. Raises MissingWeights or BadCheckpoint."""
    vae = SameAutoencoder(CONFIG)
    load_into(vae, read_tensors(folder / WEIGHTS), folder / WEIGHTS)
    found = read_tensors(folder / ANALYSIS)
    return vae.eval().requires_grad_(False), Analysis(found["mean"], found["basis"], found["spread"])


def keep(folder: Path, analysis: Analysis) -> None:
    """Write `folder/analysis.safetensors`, which `load` reads."""
    parts = {"mean": analysis.mean, "basis": analysis.basis, "spread": analysis.spread}
    write_bytes(folder / ANALYSIS, safetensors.torch.save(parts))


def train(options: Options) -> None:
    """Write the decoder, train the encoder, and ship."""
    torch.manual_seed(options.seed)
    recordings = load_recordings(options.data, RATE, (1, 2, 3))
    test = load_recordings(options.data, RATE, (4,))
    analysis = fit_analysis(draw(np.random.default_rng([options.seed, 3]), recordings, SCENES))
    options.out.mkdir(parents=True, exist_ok=True)
    keep(options.out, analysis)
    vae = SameAutoencoder(CONFIG)
    start_same(vae, analysis)
    ema = Ema(vae)
    optimizer = torch.optim.AdamW(vae.encoder.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-2)
    loop = Loop(options, modules={"vae": vae, "ema": ema.module}, optimizers={"vae": optimizer})
    for step in loop:
        audio = draw(loop.rng(step), recordings, BATCH)[:, None]
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        loss = error(vae, audio, analysis)
        descend(optimizer, loss)
        ema.update(vae, step)
        loop.log(step, {"latents": loss.item()})
        if (step + 1) % 250 == 0:
            with torch.no_grad():
                audio = draw(np.random.default_rng(4), test, 32)[:, None]
                loop.note(step, {"held_out": float(error(ema.module, audio, analysis))})
    ship(options.out, ema.module, CONFIG)


def error(vae: SameAutoencoder, audio: Tensor, analysis: Analysis) -> Tensor:
    """How far the encoder's latents of (batch, 1, samples) are from the analysis', whose mean square is about 1."""
    return F.mse_loss(vae.encode(audio), analysis.latents(audio))


if __name__ == "__main__":
    train(read_options(__doc__ or "", steps=20000))
