"""What the recipes of the smallest judges share: the loop of a network that learns from `recordings.labelled`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator as Rng
from torch import Tensor, nn

from evalkit.mini.recordings.labelled import Labelled
from evalkit.mini.train.loop import Ema, Loop, Net, Options, cosine, descend, set_rate

BATCH = 24
POOL = 1000
_NOTED = 500


def teach(
    options: Options,
    taught: Net,
    peak_rate: float,
    losses: Callable[[Rng], Mapping[str, Tensor]],
    held_out: Callable[[Net], Mapping[str, float]],
) -> Net:
    """The averaged network after the last step, with its log, checkpoint and curve in `options.out`. `losses` of a
    step's randomness are added up; `held_out` are figures to log."""
    ema = Ema(taught, 0.99)
    optimizer = torch.optim.AdamW([each for each in taught.parameters() if each.requires_grad], lr=peak_rate)
    loop = Loop(options, modules={"net": taught, "ema": ema.module}, optimizers={"net": optimizer})
    for step in loop:
        set_rate(optimizer, peak_rate * cosine(loop.progress))
        found = losses(loop.rng(step))
        descend(optimizer, torch.stack(list(found.values())).sum())
        ema.update(taught, step)
        loop.log(step, {name: loss.item() for name, loss in found.items()})
        if (step + 1) % _NOTED == 0:
            loop.note(step, held_out(ema.module))
    return ema.module


class Heads(nn.Module):
    """What features are taught by: class logits (batch, classes), and (batch, 3) how clean, wide and filled."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.classes = nn.Linear(features, classes)
        self.quality = nn.Linear(features, 3)


def quality_of(known: Labelled) -> Tensor:
    """(n, 3) what is to be read off the features: how clean, how wide, how filled."""
    return torch.from_numpy(np.stack([known.clean, known.wide, known.filled], axis=1))


def heard_and_how(logits: Tensor, scores: Tensor, shares: Tensor, quality: Tensor) -> dict[str, Tensor]:
    """Two losses: of the classes heard, and of how they sound."""
    return {
        "class_loss": F.cross_entropy(logits, shares),
        "quality_loss": 3 * F.smooth_l1_loss(scores, quality, beta=0.1),
    }
