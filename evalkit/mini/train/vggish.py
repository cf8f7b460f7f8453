"""Recipe of vggish-mini: VGGish at a thirty-second of the width, from ESC-10 folds 1-3.

    python -m evalkit.mini.train.vggish --data DIR --out DIR [--seed 0 --steps 800 --device cpu --minutes M]

Linear heads read off a patch's embedding what sounds in it, and how clean, wide and filled it is; they are dropped when
it ships. Of a drawn sound the louder of two patches is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator as Rng
from torch import Tensor, nn

from evalkit.embed.vggish import usual_preparation
from evalkit.mini.recordings.labelled import Labelled, draw_labelled
from evalkit.mini.recordings.scenes import CLASSES
from evalkit.mini.recordings.sounds import held_out_clips
from evalkit.mini.train.loop import Options, read_options, ship
from evalkit.mini.train.teach import BATCH, POOL, Heads, heard_and_how, quality_of, teach
from evalkit.nets.vggish import VGGish, VGGishConfig

CONFIG = VGGishConfig(width=2, hidden=20, features=24)
PEAK_RATE = 3e-3


class Taught(nn.Module):
    """The network with the heads that teach it."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.heads = VGGish(CONFIG), Heads(CONFIG.features, len(CLASSES))
        for layer in self.net.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):  # so narrow a network dies of torch's own first weights
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 1, frames, bands) to (batch, classes) and (batch, 3)."""
        embedded = self.net.embedded(patches)
        return self.heads.classes(embedded), self.heads.quality(embedded)


@torch.inference_mode()
def patches_of(net: VGGish, known: Labelled) -> Tensor:
    """float16 (n, patches, frames, bands)."""
    sounds = torch.from_numpy(known.sounds)
    return torch.cat([net.front(each.float()).half() for each in sounds.split(BATCH)])


def altered(rng: Rng, patches: Tensor) -> Tensor:
    """(batch, 1, frames, bands): of each sound (batch, patches, frames, bands) the louder of two."""
    pairs = [each[rng.choice(len(each), 2, replace=False)].float() for each in patches]
    return torch.stack([max(pair, key=lambda patch: float(patch.mean())) for pair in pairs])[:, None]


@torch.inference_mode()
def top1(taught: Taught, options: Options) -> float:
    """The share of held-out recordings whose class gets the largest mean logit over their patches."""
    clips, labels = held_out_clips(options.data)
    prepared, hits = usual_preparation(CONFIG), []
    for clip, label in zip(clips, labels, strict=True):
        rows = taught.net(torch.from_numpy(prepared(clip))[None].to(options.device))[0]
        hits.append(int(taught.heads.classes(rows).mean(dim=0).argmax()) == label)
    return float(np.mean(hits))


def train(options: Options, known: Labelled) -> Taught:
    """The averaged network after the last step."""
    torch.manual_seed(options.seed)
    taught = Taught().to(options.device)
    inputs, shares, quality = patches_of(taught.net, known), torch.from_numpy(known.shares), quality_of(known)

    def losses(rng: Rng) -> dict[str, Tensor]:
        rows = rng.integers(len(shares), size=2 * BATCH)
        logits, scores = taught(altered(rng, inputs[rows]).to(options.device))
        return heard_and_how(logits, scores, shares[rows].to(options.device), quality[rows].to(options.device))

    return teach(options, taught, PEAK_RATE, losses, lambda now: {"top1_fold4": top1(now, options)})


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, log the held-out figures, and write the files that ship into `--out`."""
    options = read_options(__doc__ or "", 800, arguments)
    taught = train(options, draw_labelled(options.data, options.seed, POOL))
    ship(options.out, taught.net, CONFIG)
    print(f"fold 4 top-1 by its dropped head: {top1(taught, options):.3f}; files in {options.out}")


if __name__ == "__main__":
    main()
