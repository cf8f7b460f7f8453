"""What the recipes of the autoencoders share: how a decoder is trained behind an encoder that stands still.

The encoder is a companded lapped transform (lapped.py) and stands still: trained, it soon undoes the companding,
as loud latents are read best through noise, and a diffusion model then loses all that is faint. The decoder is
trained from the transform's inverse, on latents with more or less noise, since a diffusion model's will have some.
Losses: multi-resolution STFT and mel distance on left, right, sum and difference, and a little waveform distance.
Folds 1-3 train; fold 4 is held out. As the encoder is there at once (`--steps 0`), a diffusion model can train on
its latents at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator as Rng
from torch import Tensor

from evalkit.checkpoints.tensors import load_into, read_tensors
from evalkit.mini.recordings.scenes import Recording, load_recordings, random_scene, render
from evalkit.mini.starts.lapped import Autoencoder, Kept, start_lapped
from evalkit.mini.train import losses
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, read_options, set_rate, ship
from evalkit.nets.stable_audio.dac_vae import DacConfig, DacVAE, Snake
from evalkit.nets.stable_audio.oobleck import OobleckConfig, OobleckVAE, SnakeBeta

RATE = 16000
SEGMENT = 16384
BATCH = 4
PEAK_RATE = 2e-4
MEL_WEIGHT = 5.0
WAVEFORM_WEIGHT = 1.0
POSTERIOR_SCALE = -2.0
"""Bias of the posterior's scale, before softplus: a deviation of 0.13, the dither that fills up silence."""

NOISE = 0.4
"""Latents have unit variance; the decoder reads them through noise of up to this deviation."""


@dataclass(frozen=True)
class Start:
    """An autoencoder before its first step: its sizes, and which bands of the lapped transform it keeps."""

    config: OobleckConfig | DacConfig
    kept: Kept

    def empty(self) -> Autoencoder:
        """The network, with nothing written into it."""
        return OobleckVAE(self.config) if isinstance(self.config, OobleckConfig) else DacVAE(self.config)

    def at(self, audio: Tensor) -> Autoencoder:
        """The network as a lapped transform at the level of `audio` (batch, 2, samples); its encoder stands still."""
        vae = self.empty()
        start_lapped(vae, audio, self.kept, POSTERIOR_SCALE)
        vae.encoder.requires_grad_(False)
        return vae

    def load(self, options: Options) -> Autoencoder:
        """The one in `options.vae`, for the recipes that build on it. Raises MissingWeights or BadCheckpoint."""
        assert options.vae is not None
        path = options.vae / "model.safetensors"
        vae = self.empty()
        load_into(vae, read_tensors(path), path)
        return vae


def draw_batch(rng: Rng, recordings: Sequence[Recording]) -> Tensor:
    """(BATCH, 2, SEGMENT): pieces of scenes; a piece that is all silence is drawn again."""
    pieces: list[np.ndarray] = []
    while len(pieces) < BATCH:
        scene = render(random_scene(rng, recordings), RATE)
        padded = np.pad(scene, ((0, 0), (0, SEGMENT)))
        start = int(rng.integers(max(scene.shape[1] - SEGMENT // 2, 1)))
        piece = padded[:, start : start + SEGMENT]
        if np.abs(piece).max() > 1e-3:
            pieces.append(piece)
    return torch.from_numpy(np.stack(pieces))


def objective(vae: Autoencoder, audio: Tensor, noise: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of one batch (batch, 2, samples) and its parts; `noise` (batch, latent, length) is added to latents."""
    with torch.no_grad():
        latents = vae.encode(audio) + noise
    rebuilt = vae.decode(latents)
    stft, mel = losses.multi_resolution_stft(rebuilt, audio, RATE)
    parts = {"stft": stft, "mel": mel, "waveform": (rebuilt - audio).abs().mean()}
    return stft + MEL_WEIGHT * mel + WAVEFORM_WEIGHT * parts["waveform"], parts


def draw_noise(rng: Rng, shape: tuple[int, int]) -> Tensor:
    """Noise for BATCH items of `shape` (latent, length), of another level up to NOISE in each item."""
    level = torch.from_numpy(NOISE * rng.random((BATCH, 1, 1))).float()
    return level * torch.randn(BATCH, *shape)


def run(about: str, start: Start) -> None:
    """A recipe's command: `about` is what its `--help` says."""
    options = read_options(about, steps=20000)
    fuse_snakes()
    train(options, start)


def fuse_snakes() -> None:
    """Compile the snakes' elementwise chain: a third of the training time on a CPU. Numbers stay within rounding."""
    torch._dynamo.config.recompile_limit = 64
    for kind in (SnakeBeta, Snake):
        kind.forward = torch.compile(kind.forward, dynamic=True)  # type: ignore[assignment, method-assign]


def held_out(vae: Autoencoder, recordings: Sequence[Recording], count: int = 24) -> dict[str, float]:
    """STFT and mel distance, mean over `count` scenes of held-out recordings, decoded from the posterior's mean."""
    rng = np.random.default_rng(4)
    found = []
    with torch.no_grad():
        for _ in range(count // BATCH):
            audio = draw_batch(rng, recordings)
            stft, mel = losses.multi_resolution_stft(vae.decode(vae.encode(audio)), audio, RATE)
            found.append((float(stft), float(mel)))
    return dict(zip(("held_out_stft", "held_out_mel"), np.mean(found, axis=0).tolist(), strict=True))


def train(options: Options, start: Start) -> None:
    """Train and ship; with no steps, the start is shipped, whose encoder is already the final one."""
    torch.manual_seed(options.seed)
    train = load_recordings(options.data, RATE, (1, 2, 3))
    test = load_recordings(options.data, RATE, (4,))
    rng = np.random.default_rng([options.seed, 3])
    vae = start.at(torch.cat([draw_batch(rng, train) for _ in range(8)])).to(options.device)
    ema = Ema(vae)
    optimizer = torch.optim.AdamW(vae.decoder.parameters(), lr=PEAK_RATE, betas=(0.8, 0.99), weight_decay=1e-3)
    modules = {"vae": vae, "ema": ema.module}
    latents = start.config.latent, SEGMENT // start.config.ratio
    loop = Loop(options, modules=modules, optimizers={"vae": optimizer})
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        audio = draw_batch(rng, train).to(options.device)
        noise = draw_noise(rng, latents).to(options.device)
        loss, parts = objective(vae, audio, noise)
        descend(optimizer, loss)
        ema.update(vae, step)
        loop.log(step, {name: value.item() for name, value in parts.items()})
        if (step + 1) % 250 == 0:
            loop.note(step, held_out(ema.module, test))
    ship(options.out, ema.module, start.config)
