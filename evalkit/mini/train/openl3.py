"""Recipe of openl3-mini: OpenL3's network at an eighth of the width, from ESC-10 folds 1-3.

    python -m evalkit.mini.train.openl3 --data DIR --out DIR [--seed 0 --steps 3000 --device cpu --minutes M]

OpenL3 itself learns from pairs of sound and picture; 180 recordings cannot do that. This embedding is taught
instead what a distance between sets of sounds has to see: what sounds (ten classes), how noisy it is (signal to
noise ratio) and how far up it reaches (cutoff). All three are read off the embedding by linear heads, which
are dropped when it ships, so the directions along which sound gets worse are straight lines in it.

Frames are drawn once into a pool of decibel spectra; a step then only shifts, tilts and masks them. Convolutions
run in bfloat16 on channels-last memory, a quarter of the plain time on a processor that has bfloat16.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator as Rng
from torch import Tensor, nn

from evalkit.audio.clip import Clip, Samples
from evalkit.embed.log_mel import LogMel
from evalkit.embed.openl3 import frames, prepare
from evalkit.mini.recordings.scenes import CLASSES
from evalkit.mini.recordings.sounds import NARROW, Pools, add_noise, held_out_clips, low_pass, power, random_sound
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, read_options, set_rate, ship
from evalkit.nets.openl3 import OpenL3, OpenL3Config

CONFIG = OpenL3Config(n_mels=128, width=8, embedding=64)
BATCH = 48
PEAK_RATE = 3e-3
POOL = 6000
LOWEST_SNR, CLEAN_SNR = -5.0, 40.0
"""dB; the second is also what a frame without added noise is said to have."""

LOWEST_CUTOFF = 500.0
"""Hz."""


class Taught(nn.Module):
    """The network with the heads that teach it: class logits and (noise, cutoff) scores in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.net = OpenL3(CONFIG)
        self.classes = nn.Linear(CONFIG.embedding, len(CLASSES))
        self.quality = nn.Linear(CONFIG.embedding, 2)

    def forward(self, decibel: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 1, bands, frames) decibels to (batch, classes) logits and (batch, 2) scores."""
        embedding: Tensor = self.net(decibel)
        return self.classes(embedding), self.quality(embedding)


class FramePool:
    """`decibels` float16 (frames, bands, times); `shares` (frames, classes); `quality` (frames, 2)."""

    def __init__(self, rng: Rng, pools: Pools, count: int = POOL) -> None:
        front = LogMel(CONFIG)
        self.decibels = torch.empty(count, CONFIG.n_mels, CONFIG.frames, dtype=torch.float16)
        self.shares, self.quality = torch.zeros(count, len(CLASSES)), torch.ones(count, 2)
        for row in range(count):
            narrow = rng.random() < 0.5
            samples, heard = _draw(rng, pools.narrow if narrow else pools.full, row % len(CLASSES))
            samples, noise, cutoff = _degrade(rng, samples, NARROW if narrow else CONFIG.rate / 2)
            self.decibels[row] = torch.from_numpy(front(_cut_edge(rng, samples)[None])[0, 0])
            self.shares[row, heard] = 1 / len(heard)
            self.quality[row] = torch.tensor([noise, cutoff])

    def batch(self, rng: Rng) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Decibels (BATCH, 1, bands, times), shares, quality, and which rows were left unmasked (BATCH,)."""
        rows = rng.integers(len(self.shares), size=BATCH)
        decibels = self.decibels[rows].float()
        plain = torch.from_numpy(rng.random(BATCH) < 0.5)
        for index, decibel in enumerate(decibels):
            decibels[index] = _altered(rng, decibel, masked=not plain[index])
        return decibels[:, None], self.shares[rows], self.quality[rows], plain


def _draw(rng: Rng, pool: Sequence, label: int) -> tuple[Samples, list[int]]:
    """One second of one class, or in a quarter of cases of two at up to 12 dB apart, and the classes."""
    samples, labels = _loudest(rng, random_sound(rng, pool, CLASSES[label], 1.5)), [label]
    other = int(rng.integers(len(CLASSES)))
    if rng.random() < 0.25 and other != label:
        second = _loudest(rng, random_sound(rng, pool, CLASSES[other], 1.5))
        ratio = math.sqrt(power(samples) / max(power(second), 1e-9)) * 10 ** (float(rng.uniform(-12, 12)) / 20)
        samples, labels = samples + np.float32(ratio) * second, [label, other]
    return samples, labels


def _loudest(rng: Rng, samples: Samples) -> Samples:
    """One second of (samples,): of four excerpts drawn at random the one with most power."""
    padded = np.pad(samples, (0, max(0, CONFIG.rate + 1 - len(samples))))
    starts = rng.integers(len(padded) - CONFIG.rate, size=4)
    return max((padded[start : start + CONFIG.rate] for start in starts), key=power)


def _degrade(rng: Rng, samples: Samples, reach: float) -> tuple[Samples, float, float]:
    """The frame with noise (half of cases), low-passed (4 in 10), and both scores, 1 being untouched.

    `reach` (Hz) is how far up the recording goes; noise goes no further, as in a generator of that rate.
    """
    snr, cutoff = CLEAN_SNR, reach
    if rng.random() < 0.5:
        snr = float(rng.uniform(LOWEST_SNR, CLEAN_SNR))
        samples = add_noise(rng, samples, snr)
    if rng.random() < 0.4:
        cutoff = min(reach, LOWEST_CUTOFF * (0.7 * CONFIG.rate / 2 / LOWEST_CUTOFF) ** float(rng.random()))
    if cutoff < CONFIG.rate / 2:
        samples = low_pass(samples, CONFIG.rate, cutoff)
    height = math.log(cutoff / LOWEST_CUTOFF) / math.log(CONFIG.rate / 2 / LOWEST_CUTOFF)
    return samples, (snr - LOWEST_SNR) / (CLEAN_SNR - LOWEST_SNR), height


def _cut_edge(rng: Rng, samples: Samples) -> Samples:
    """The frame, in one case of five with zeros before or after, as the first and last of a clip have."""
    out = samples.copy()
    if rng.random() < 0.2:
        size = int(rng.integers(len(out) // 2))
        out[:size] = 0
        out = out if rng.random() < 0.5 else out[::-1].copy()
    return out


def _altered(rng: Rng, decibel: Tensor, masked: bool) -> Tensor:
    """(bands, times) rolled in time and tilted by up to 6 dB; `masked` ones lose a stripe of each kind too."""
    knots = rng.uniform(-6, 6, 5) * (rng.random() < 0.5)
    tilt = np.interp(np.arange(CONFIG.n_mels), np.linspace(0, CONFIG.n_mels - 1, 5), knots)
    out = decibel.roll(int(rng.integers(CONFIG.frames)), 1) + torch.from_numpy(tilt).float()[:, None]
    if masked:
        band, wide = int(rng.integers(CONFIG.n_mels - 20)), int(rng.integers(20))
        time, long = int(rng.integers(CONFIG.frames - 50)), int(rng.integers(50))
        out[band : band + wide] = -80
        out[:, time : time + long] = -80
    return (out - out.max()).clamp(min=-80)


@torch.inference_mode()
def top1(taught: Taught, clips: Sequence[Clip], labels: Sequence[int]) -> float:
    """The share of clips whose class gets the largest mean logit over its frames (left channel)."""
    device = next(taught.parameters()).device
    front, hits = LogMel(CONFIG), 0
    for clip, label in zip(clips, labels, strict=True):
        windows = np.stack(frames(prepare(clip, CONFIG.rate)[0], CONFIG.rate))
        logits, _ = taught(torch.from_numpy(front(windows)).to(device))
        hits += int(logits.mean(dim=0).argmax()) == label
    return hits / len(clips)


def train(options: Options, pool: FramePool, clips: Sequence[Clip], labels: Sequence[int]) -> Taught:
    """The averaged network after the last step, with its log, checkpoint and curve in `options.out`."""
    torch.manual_seed(options.seed)
    taught = Taught().to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema = Ema(taught, 0.998)
    optimizer = torch.optim.AdamW(taught.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    kept = {"net": taught, "ema": ema.module}
    loop = Loop(options, modules=kept, optimizers={"net": optimizer})
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        decibels, shares, quality, plain = (tensor.to(options.device) for tensor in pool.batch(rng))
        with torch.autocast(torch.device(options.device).type, torch.bfloat16):
            logits, scores = (found.float() for found in taught(decibels))
        class_loss = F.cross_entropy(logits, shares)
        # A masked stripe hides noise and cutoff, so these are only asked of whole frames.
        quality_loss = F.smooth_l1_loss(scores[plain], quality[plain], beta=0.1)
        descend(optimizer, class_loss + 5 * quality_loss, 2.0)
        ema.update(taught, step)
        loop.log(step, {"class_loss": class_loss.item(), "quality_loss": quality_loss.item()})
        if (step + 1) % 500 == 0:
            loop.note(step, {"top1_fold4": top1(ema.module, clips, labels)})
    return ema.module


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, log the held-out figures, and write the files that ship into `--out`."""
    options = read_options(__doc__ or "", 3000, arguments)
    clips, labels = held_out_clips(options.data)
    pool = FramePool(np.random.default_rng(options.seed), Pools.load(options.data, CONFIG.rate))
    taught = train(options, pool, clips, labels)
    ship(options.out, taught.net, CONFIG)
    print(f"fold 4 top-1 by its dropped head: {top1(taught, clips, labels):.3f}; files in {options.out}")


if __name__ == "__main__":
    main()
