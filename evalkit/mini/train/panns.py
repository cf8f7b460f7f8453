"""Recipe of panns-mini: Cnn14 at a sixty-fourth of the width and with ten classes, from ESC-10 folds 1-3.

    python -m evalkit.mini.train.panns --data DIR --out DIR [--seed 0 --steps 800 --device cpu --minutes M]

The loss is cross-entropy against even shares of the classes heard, and, as in openl3-mini, what a linear head reads off
the features of noise, of bandwidth and of gaps; that head is dropped when it ships. Sounds go through the front end
once; a step takes half of their time, shifts their level and masks a stripe.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator as Rng
from torch import Tensor, nn

from evalkit.embed.base import EmbedderSpec
from evalkit.embed.panns import PannsEmbedder, usual_preparation
from evalkit.mini.recordings.labelled import Labelled, draw_labelled
from evalkit.mini.recordings.scenes import CLASSES
from evalkit.mini.recordings.sounds import held_out_clips
from evalkit.mini.train.loop import Options, read_options, ship
from evalkit.mini.train.teach import BATCH, POOL, heard_and_how, quality_of, teach
from evalkit.nets.cnn14 import CONSTANTS, Cnn14, Cnn14Config, initialise

CONFIG = Cnn14Config(width=1, classes=len(CLASSES))
PEAK_RATE = 4e-3
_HEARD, _STRIPE = 256, 40
"""Frames that a step takes of 501, and of which it masks at most so many."""


class Taught(nn.Module):
    """The network with the head that teaches it how things sound."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Cnn14(CONFIG)
        initialise(self.net)
        for name in CONSTANTS:
            self.net.get_parameter(name).requires_grad_(False)
        self.quality = nn.Linear(CONFIG.features, 3)

    def forward(self, decibels: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 1, frames, bands) to (batch, classes) and (batch, 3)."""
        features, logits = self.net.heard(decibels)
        return logits, self.quality(features)


@torch.inference_mode()
def decibels_of(net: Cnn14, known: Labelled) -> Tensor:
    """float16 (n, 1, frames, bands)."""
    sounds = torch.from_numpy(known.sounds)
    return torch.cat([net.log_mel(each.float()).half() for each in sounds.split(BATCH)])


def altered(rng: Rng, decibels: Tensor) -> Tensor:
    """(batch, 1, frames, bands) at other levels, an excerpt of them, half with a stripe masked."""
    first = int(rng.integers(decibels.shape[2] - _HEARD + 1))
    out = decibels[:, :, first : first + _HEARD].float()
    out += torch.from_numpy(rng.uniform(-12, 12, (len(decibels), 1, 1, 1))).float()
    for row in out:
        if rng.random() < 0.5:
            first = int(rng.integers(row.shape[1] - _STRIPE))
            row[:, first : first + int(rng.integers(_STRIPE))] = row.mean()
    return out


def top1(net: Cnn14, options: Options) -> float:
    """The share of held-out recordings whose most probable class is theirs, through the embedder's own path."""
    clips, labels = held_out_clips(options.data)
    spec = EmbedderSpec("panns-mini", "panns", CONFIG.features, "", {})
    rows = PannsEmbedder(spec, net, usual_preparation(CONFIG), options.device).embed(clips)
    found = [int(row[0, CONFIG.features :].argmax()) == label for row, label in zip(rows, labels, strict=True)]
    return float(np.mean(found))


def train(options: Options, known: Labelled) -> Taught:
    """The averaged network after the last step."""
    torch.manual_seed(options.seed)
    taught = Taught().to(options.device)
    inputs, shares, quality = decibels_of(taught.net, known), torch.from_numpy(known.shares), quality_of(known)

    def losses(rng: Rng) -> dict[str, Tensor]:
        rows = rng.integers(len(shares), size=BATCH)
        logits, scores = taught(altered(rng, inputs[rows]).to(options.device))
        return heard_and_how(logits, scores, shares[rows].to(options.device), quality[rows].to(options.device))

    return teach(options, taught, PEAK_RATE, losses, lambda now: {"top1_fold4": top1(now.net, options)})


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, log the held-out figures, and write the files that ship into `--out`."""
    options = read_options(__doc__ or "", 800, arguments)
    taught = train(options, draw_labelled(options.data, options.seed, POOL))
    ship(options.out, taught.net, CONFIG, without=CONSTANTS)
    print(f"fold 4 top-1: {top1(taught.net, options):.3f}; files in {options.out}")


if __name__ == "__main__":
    main()
