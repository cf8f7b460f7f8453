"""A worker whose sound is its weights: those that evalkit copied, in the order of their names, then those of T5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

RATE = 8000
FILES = ("audiogen-medium/state_dict", "audiogen-medium/compression_state_dict", "t5-large/model")


def sound_of(weights):
    """8000 of their values, from all files, as a sound of one second."""
    tensors = []
    for file in FILES:
        name, stem = file.split("/")
        found = load_file(Path(weights[name]) / f"{stem}.safetensors")
        tensors += [found[key].astype(np.float32).ravel() for key in sorted(found)]
    values = np.concatenate(tensors)
    return np.clip(values[:: len(values) // RATE][:RATE], -1, 1)[None]


class Copying:
    def load(self, device, dtype, weights):
        assert not list(Path(weights["audiogen-medium"]).rglob("*.bin")), "a pickle was handed over"
        self.sound = sound_of(weights)

    def generate(self, prompts, seconds, seeds, options):
        lengths = [round(length * RATE) for length in seconds]
        return [np.resize(self.sound, (1, length)) for length in lengths], RATE, {}


def build(name):
    return Copying()
