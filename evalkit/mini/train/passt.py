"""Recipe of passt-mini: a ten-class PaSST at about 1/100 of the size, from ESC-10 folds 1-3.

    python -m evalkit.mini.train.passt --data DIR --out DIR [--seed 0 --steps 3000 --device cpu --minutes M]

The loss is cross-entropy against even shares of the classes heard, not the published multi-label loss: KL-PaSST
reads a softmax over all logits, and this makes that softmax the distribution of what is heard. Two-source
mixes at random gains follow AudioGen (Kreuk et al. 2023); masks and structured Patchout follow PaSST, and
Patchout halves the time of a step.

On two CPU cores, drawing sounds costs more than the network. So a pool of single sounds goes through the front
end once, and mixes, equalisers and noise are made of their mel powers, which add where the sounds do (but for
phase). Fold 4 is only ever listened to for the logged figures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator as Rng
from torch import Tensor

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.level import peak_normalize
from evalkit.embed.base import EmbedderSpec
from evalkit.embed.passt import PEAK_DBFS, PaSSTEmbedder
from evalkit.mini.recordings.scenes import CLASSES
from evalkit.mini.recordings.sounds import Pools, add_noise, held_out_clips, random_sound
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, read_options, set_rate, ship
from evalkit.nets.passt import LogMel, PaSST, PaSSTConfig, initialise

CONFIG = PaSSTConfig(
    time_frames=500,
    stride=16,
    embed=128,
    depth=4,
    heads=4,
    classes=len(CLASSES),
    window_seconds=5.0,
    step_seconds=2.5,
)
BATCH = 32
PEAK_RATE = 1e-3
POOL = 3000
KEPT = (6, 16)
"""Patches that stay of 8 over frequency and 31 over time."""


class MelPool:
    """`mels` float16 (clips, bands, frames), as the front end scales them; `labels` (clips,); `noise` likewise."""

    def __init__(self, rng: Rng, pools: Pools, clips: int = POOL) -> None:
        front = LogMel(CONFIG)
        self.labels = np.arange(clips) % len(CLASSES)
        self.mels = torch.empty(clips, CONFIG.n_mels, CONFIG.time_frames, dtype=torch.float16)
        for row, label in enumerate(self.labels):
            pool = pools.narrow if rng.random() < 0.5 else pools.full
            self.mels[row] = front(torch.from_numpy(_window(rng, pool, CLASSES[label]))[None])[0, 0]
        silence = np.full(CONFIG.time_frames * CONFIG.hop, 0.05, dtype=np.float32)
        hiss = np.stack([add_noise(rng, silence, 0.0) for _ in range(24)]) - silence
        self.noise = front(torch.from_numpy(hiss))[:, 0].half()

    def batch(self, rng: Rng) -> tuple[Tensor, Tensor]:
        """Scaled log mel (BATCH, 1, bands, frames) and label shares (BATCH, classes).

        One batch in eight is of short clips, which the embedder feeds without padding.
        """
        frames = int(rng.integers(60, 150)) if rng.random() < 0.125 else CONFIG.time_frames
        shares = torch.zeros(BATCH, CONFIG.classes)
        rows = []
        for index in range(BATCH):
            power, labels = self._mix(rng)
            shares[index, labels] = 1 / len(labels)
            rows.append(_loudest(rng, power, frames))
        return (((torch.stack(rows) + 1e-5).log() + 4.5) / 5)[:, None], shares

    def _mix(self, rng: Rng) -> tuple[Tensor, list[int]]:
        first, second = (int(index) for index in rng.integers(len(self.labels), size=2))
        labels, power = [int(self.labels[first])], _power(self.mels[first])
        if rng.random() < 0.25 and self.labels[second] != labels[0]:
            ratio = 10 ** (float(rng.uniform(-12, 12)) / 20)
            power = (power + ratio**2 * _power(self.mels[second])) / (1 + ratio) ** 2
            labels.append(int(self.labels[second]))
        if rng.random() < 0.6:
            gains = np.interp(np.arange(CONFIG.n_mels), np.linspace(0, CONFIG.n_mels - 1, 7), rng.uniform(-9, 9, 7))
            power = power * torch.from_numpy(10 ** (gains / 10)).float()[:, None]
        if rng.random() < 0.3:
            hiss = _power(self.noise[int(rng.integers(len(self.noise)))])
            power = power + hiss * power.mean() / hiss.mean() / 10 ** (float(rng.uniform(5, 40)) / 10)
        if rng.random() < 0.5:
            power = power.roll(int(rng.integers(CONFIG.time_frames)), 1)
        return power * 10 ** (float(rng.uniform(-6, 2)) / 10), labels


def _window(rng: Rng, pool: Sequence, sound: str) -> Samples:
    """(window,) samples of one sound: half of them fill the window, the rest begin and end in silence."""
    size = round(CONFIG.window_seconds * CONFIG.rate)
    seconds = CONFIG.window_seconds if rng.random() < 0.5 else round(float(rng.uniform(1.0, 5.0)), 1)
    samples = peak_normalize(random_sound(rng, pool, sound, seconds), PEAK_DBFS)[:size]
    lead = int(rng.integers(size - len(samples) + 1)) if rng.random() < 0.5 else 0
    return np.pad(samples, (lead, size - len(samples) - lead))


def _power(mel: Tensor) -> Tensor:
    return ((5 * mel.float() - 4.5).exp() - 1e-5).clamp(min=0)


def _loudest(rng: Rng, power: Tensor, frames: int) -> Tensor:
    """An excerpt of (bands, frames): of four drawn at random the one with most power."""
    starts = rng.integers(power.shape[1] - frames + 1, size=4)
    pieces = [power[:, start : start + frames] for start in starts]
    return max(pieces, key=lambda piece: float(piece.sum()))


def mask(rng: Rng, mel: Tensor, bands: int = 24, frames: int = 80) -> Tensor:
    """Scaled log mel (batch, 1, bands, frames) with a stripe over bands and one over frames set to its mean."""
    out = mel.clone()
    limit = min(frames, mel.shape[3] // 3)
    for row in out:
        fill = row.mean()
        wide, first = int(rng.integers(bands)), int(rng.integers(mel.shape[2] - bands))
        row[:, first : first + wide] = fill
        long, start = int(rng.integers(limit)), int(rng.integers(mel.shape[3] - limit))
        row[:, :, start : start + long] = fill
    return out


def patchout(rng: Rng, frames: int) -> tuple[Tensor, Tensor] | None:
    """Rows and columns of patches to keep, of a full window; None for a short clip, which keeps all."""
    if frames < CONFIG.time_frames:
        return None
    rows, columns = (
        np.sort(rng.choice(total, keep, replace=False)) for total, keep in zip(CONFIG.grid, KEPT, strict=True)
    )
    return torch.from_numpy(rows), torch.from_numpy(columns)


def top1(net: PaSST, clips: Sequence[Clip], labels: Sequence[int], device: str) -> float:
    """The share of clips whose most probable class is theirs, through the embedder's own path."""
    spec = EmbedderSpec("passt-mini", "passt", CONFIG.classes, "", {})
    found = PaSSTEmbedder(spec, net, device).embed(clips)
    return float(np.mean([int(row.argmax()) == label for row, label in zip(found, labels, strict=True)]))


def train(options: Options, pool: MelPool, clips: Sequence[Clip], labels: Sequence[int]) -> PaSST:
    """The averaged network after the last step, with its log, checkpoint and curve in `options.out`."""
    torch.manual_seed(options.seed)
    net = PaSST(CONFIG).to(options.device)
    initialise(net)
    ema = Ema(net, 0.998)
    optimizer = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05)
    kept = {"net": net, "ema": ema.module}
    loop = Loop(options, modules=kept, optimizers={"net": optimizer})
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        mel, shares = pool.batch(rng)
        logits = net.classify(mask(rng, mel).to(options.device), patchout(rng, mel.shape[3]))
        loss = F.cross_entropy(logits, shares.to(options.device))
        descend(optimizer, loss)
        ema.update(net, step)
        loop.log(step, {"loss": loss.item()})
        if (step + 1) % 250 == 0:
            loop.note(step, {"top1_fold4": top1(ema.module, clips, labels, options.device)})
    return ema.module


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, log the held-out figures, and write the files that ship into `--out`."""
    options = read_options(__doc__ or "", 3000, arguments)
    clips, labels = held_out_clips(options.data)
    pool = MelPool(np.random.default_rng(options.seed), Pools.load(options.data, CONFIG.rate))
    net = train(options, pool, clips, labels)
    ship(options.out, net, CONFIG)
    print(f"fold 4 top-1: {top1(net, clips, labels, options.device):.3f}; files in {options.out}")


if __name__ == "__main__":
    main()
