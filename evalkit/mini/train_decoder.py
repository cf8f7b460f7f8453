"""Recipe of stable-audio-mini's decoder, second half: the encoder stands still while the decoder goes on.

    python -m evalkit.mini.train_decoder --data DATA/esc10 --out OUT --vae VAE_OUT --minutes 45

Latents stay what they are, so the diffusion transformer can train on them at the same time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from evalkit.mini import losses, train_vae
from evalkit.mini.scenes import load_recordings
from evalkit.mini.training import Ema, Loop, Options, cosine, read_options, set_rate, ship
from evalkit.nets.stable_audio.oobleck import OobleckVAE

PEAK_RATE = 3e-4


def objective(vae: OobleckVAE, audio: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of one batch (batch, 2, samples) decoded from a draw of its posterior, and its parts."""
    with torch.no_grad():
        mean, std = vae.posterior(audio)
        latents = mean + std * torch.randn_like(std)
    rebuilt = vae.decode(latents)
    stft, mel = losses.multi_resolution_stft(rebuilt, audio, train_vae.RATE)
    parts = {"stft": stft, "mel": mel, "waveform": (rebuilt - audio).abs().mean()}
    return stft + train_vae.MEL_WEIGHT * mel + train_vae.WAVEFORM_WEIGHT * parts["waveform"], parts


def train(options: Options) -> None:
    """Train and ship the whole autoencoder, its encoder unchanged."""
    recordings = load_recordings(options.data, train_vae.RATE, (1, 2, 3))
    held_out = load_recordings(options.data, train_vae.RATE, (4,))
    vae = train_vae.load(options)
    vae = vae.to(options.device)
    vae.encoder.requires_grad_(False)
    ema = Ema(vae)
    optimizer = torch.optim.AdamW(vae.decoder.parameters(), lr=PEAK_RATE, betas=(0.8, 0.99), weight_decay=1e-3)
    modules = {"vae": vae, "ema": ema.module}
    optimizers = {"decoder": optimizer}
    loop = Loop(options.out, options.seed, options.steps, options.minutes, modules=modules, optimizers=optimizers)
    for step in loop:
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        loss, parts = objective(vae, train_vae.draw_batch(loop.rng(step), recordings).to(options.device))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.decoder.parameters(), 1.0)
        optimizer.step()
        ema.update(vae, step)
        loop.log(step, {name: value.item() for name, value in parts.items()})
        if (step + 1) % 500 == 0:
            loop.note(step, train_vae.held_out(ema.module, held_out))
    ship(options.out, ema.module, train_vae.CONFIG)


def main() -> None:
    options = read_options(__doc__ or "", steps=8000, needs_vae=True)
    torch.manual_seed(options.seed)
    train_vae.fuse_snakes()
    train(options)


if __name__ == "__main__":
    main()
