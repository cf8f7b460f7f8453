"""A model in a process of its own: this file runs in its own environment, and imports nothing of evalkit."""

import time

import numpy as np

RATE = 16000


class Tone:
    def load(self, device, dtype, weights):
        """A real model brings `weights` {name: path} to `device` here."""

    def generate(self, prompts, seconds, seeds, options):
        started = time.perf_counter()
        sounds = [self.tone(length, seed, options["pitch"]) for length, seed in zip(seconds, seeds, strict=True)]
        return sounds, RATE, {"sample": time.perf_counter() - started}

    def tone(self, seconds, seed, pitch):
        phase = np.random.default_rng(seed).uniform(0, 2 * np.pi)
        wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE + phase)
        return wave[None].astype(np.float32)


def build(name):
    return Tone()
