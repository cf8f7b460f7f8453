"""Sounds and small seeded networks that `evalkit detect` and the originals are given alike.

The sounds are what their preparation shows: two channels that differ, off their middle, at another rate than the
networks', longer than any crop. The networks have the originals' layers and names, and few channels.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile
import torch
from safetensors.torch import save_file

from evalkit.nets.cnn14 import Cnn14Config
from evalkit.nets.vggish import VGGishConfig
from evalkit.originals.seeded import torch_files

VGGISH = VGGishConfig(width=4, hidden=32, features=8)
PANNS = Cnn14Config(width=4)
SIDES = ("generated", "recordings")
CLIPS, SECONDS, RATE = 4, 10.7, 22050
QUICK = {"clips": 3, "seconds": 2.3, "rate": 16000, "channels": 1}
"""Few to convert, as no converter and no channel tells variants apart: for a test of every day."""
MANY = {**QUICK, "clips": 12, "seconds": 2.1}
"""Enough for an IS of ten parts."""


CONVERSIONS = ((44100, 16000), (22050, 16000), (48000, 16000), (16000, 48000), (44100, 48000))


def noise() -> np.ndarray:
    """float32 (samples,) for conversions of rates."""
    return np.random.default_rng(23).normal(0, 0.2, 4000).astype(np.float32)


def write_sounds(
    folder: Path, clips: int = CLIPS, seconds: float = SECONDS, rate: int = RATE, channels: int = 2
) -> None:
    """`generated/NN.wav` and `recordings/NN.wav`, of 16 bits."""
    for number, side in enumerate(SIDES):
        (folder / side).mkdir(parents=True)
        for clip in range(clips):
            draw = np.random.default_rng([19, number, clip])
            count = round(seconds * rate)
            time = np.arange(count)[:, None] / rate
            loud = 0.12 + 0.1 * np.sin((2 + clip + number) * time) + 0.02 * time
            tone = np.sin(2 * np.pi * (300 + 170 * clip + 90 * number) * time * (1 + 0.1 * time))
            noise = np.cumsum(draw.normal(0, 0.05, (count, 1)), axis=0)
            noise -= np.convolve(noise[:, 0], np.ones(32) / 32, mode="same")[:, None]
            own = draw.normal(0, 0.3, (count, channels))
            sound = loud * (tone * (1.0, 0.5)[:channels] + noise + own * (0.2, 1.0)[:channels]) + 0.03
            soundfile.write(folder / side / f"{clip:02d}.wav", sound.clip(-1, 1), rate, subtype="PCM_16")


def write_vggish(folder: Path) -> dict[str, torch.Tensor]:
    """A network as evalkit reads it, and its state dict."""
    state = torch_files.drawn(torch_files.vggish_shapes(VGGISH.width, VGGISH.hidden, VGGISH.features))
    return _written(folder, state, VGGISH)


def write_panns(folder: Path, front: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same of Cnn14, with the `front` end's constants."""
    state = torch_files.drawn(torch_files.panns_shapes(PANNS.width))
    for name in state:  # so few channels let little through: what they hear would be lost among the constants
        if name.endswith("weight") and state[name].ndim > 1:
            state[name] *= 1.7 if "conv" in name else 4
    return _written(folder, state | front, PANNS)


def _written(
    folder: Path, state: dict[str, torch.Tensor], config: VGGishConfig | Cnn14Config
) -> dict[str, torch.Tensor]:
    folder.mkdir(parents=True)
    save_file({name: each.contiguous() for name, each in state.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(asdict(config)), encoding="utf-8")
    return state
