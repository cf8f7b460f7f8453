"""Somebody else's model in evalkit: PYTHONPATH=examples evalkit models check wrapped_model:Wrapped"""

import torch
from their_model import RATE, TheirModel

from evalkit.generators.base import GenBatch, GeneratorSpec


class Wrapped:
    spec = GeneratorSpec("theirs", "theirs", RATE, 1, 30.0, presets={"fast": {"steps": 8}}, default_preset="fast")

    def load(self, device, dtype):
        self.model = TheirModel.from_pretrained("theirs")

    def generate(self, prompts, seconds, seeds, options):
        return GenBatch([self.one(*item, options) for item in zip(prompts, seconds, seeds, strict=True)], RATE, {})

    def one(self, prompt, seconds, seed, options):
        with torch.random.fork_rng(devices=[]):  # a seed of its own for each item, whatever its neighbours are
            torch.manual_seed(seed)
            sound = self.model.generate(prompt, seconds, options["steps"])
        return sound.numpy()[None, : round(seconds * RATE)]

    def close(self):
        self.model = None
