"""Recipe of audiobox-mini: Audiobox Aesthetics over a WavLM of one layer, from ESC-10 folds 1-3.

    python -m evalkit.mini.train.audiobox --data DIR --out DIR [--seed 0 --steps 2000 --device cpu --minutes M]

No rater has heard what it learns from: the published network's ratings come without their sounds. Its four axes are
made up of what is known of a drawn sound, in [1, 10]: production quality of how clean and how wide it is, complexity of
how many sources it has, enjoyment of how clean and how filled, usefulness of all three. So it moves where these move,
and says nothing of taste.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator as Rng
from torch import Tensor

from evalkit.mini.recordings.labelled import MOST_SOURCES, Labelled, draw_labelled
from evalkit.mini.recordings.sounds import HELD_OUT
from evalkit.mini.train.loop import Options, read_options, ship
from evalkit.mini.train.teach import BATCH, POOL, teach
from evalkit.nets.aesthetics import AXES, Aesthetics, AestheticsConfig
from evalkit.nets.wavlm import WavLMConfig

SIZES = WavLMConfig(
    encoder_layers=1,
    encoder_embed_dim=32,
    encoder_ffn_embed_dim=64,
    encoder_attention_heads=2,
    conv_dim=8,
    conv_pos=16,
    conv_pos_groups=4,
    num_buckets=32,
    max_distance=128,
)
CONFIG = AestheticsConfig(wavlm=SIZES)
PEAK_RATE = 3e-3
_HEARD = 24_000
"""Samples of a sound that a step takes."""


def axes_of(known: Labelled) -> Tensor:
    """(n, 4) in [1, 10], in the order of `AXES`."""
    made_of = {
        "CE": known.clean * known.filled,
        "CU": (known.clean + known.wide + known.filled) / 3,
        "PC": (known.sources - 1) / (MOST_SOURCES - 1),
        "PQ": (known.clean + known.wide) / 2,
    }
    return torch.from_numpy(np.stack([1 + 9 * made_of[axis] for axis in AXES], axis=1)).float()


def excerpt(rng: Rng, sounds: Tensor) -> Tensor:
    """float32 (batch, 24,000) of (batch, samples), at other levels."""
    first = int(rng.integers(sounds.shape[1] - _HEARD + 1))
    gains = 10 ** (rng.uniform(-18, 6, (len(sounds), 1)) / 20)
    return sounds[:, first : first + _HEARD].float() * torch.from_numpy(gains).float()


@torch.inference_mode()
def agreement(net: Aesthetics, known: Labelled) -> dict[str, float]:
    """The correlation of each axis with what it was made of."""
    sounds, wanted = torch.from_numpy(known.sounds), axes_of(known)
    told = torch.cat([net(each.float(), torch.zeros(each.shape, dtype=torch.bool)) for each in sounds.split(BATCH)])
    found = [torch.corrcoef(torch.stack([told[:, at], wanted[:, at]]))[0, 1] for at in range(len(AXES))]
    return {f"{axis}_fold4": float(each) for axis, each in zip(AXES, found, strict=True)}


def train(options: Options, known: Labelled, held_out: Labelled) -> Aesthetics:
    """The averaged network after the last step."""
    torch.manual_seed(options.seed)
    net = Aesthetics(CONFIG).to(options.device)
    sounds, wanted = torch.from_numpy(known.sounds), axes_of(known)
    wanted = (wanted - wanted.mean(dim=0)) / wanted.std(dim=0)

    def losses(rng: Rng) -> dict[str, Tensor]:
        rows = rng.integers(len(wanted), size=BATCH)
        audio = excerpt(rng, sounds[rows]).to(options.device)
        told = net(audio, torch.zeros_like(audio, dtype=torch.bool))
        return {"loss": F.smooth_l1_loss(told, wanted[rows].to(options.device))}

    return teach(options, net, PEAK_RATE, losses, lambda now: agreement(now, held_out))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, log the held-out figures, and write the files that ship into `--out`."""
    options = read_options(__doc__ or "", 2000, arguments)
    known, held_out = draw_labelled(options.data, options.seed, POOL), draw_labelled(options.data, 1, 200, HELD_OUT)
    net = train(options, known, held_out)
    means, spreads = (each.tolist() for each in (axes_of(known).mean(dim=0), axes_of(known).std(dim=0)))
    scale = {axis: {"mean": means[at], "std": spreads[at]} for at, axis in enumerate(AXES)}
    ship(options.out, net, {**asdict(SIZES), "target_transform": scale})
    print(f"fold 4: {agreement(net, held_out)}; files in {options.out}")


if __name__ == "__main__":
    main()
