"""Stands for somebody else's package, with the habits that such packages have: one prompt at a time, noise from the
global generator, a mono tensor a little longer than was asked for."""

from __future__ import annotations

import torch

RATE = 16000


class TheirModel:
    @classmethod
    def from_pretrained(cls, name: str) -> TheirModel:
        """A real one reads its weights here."""
        return cls()

    def generate(self, prompt: str, duration: float, steps: int) -> torch.Tensor:
        """(samples,) in [-1, 1], in blocks of 1024."""
        sound = torch.randn(-(-int(duration * RATE) // 1024) * 1024)
        for _ in range(steps):
            sound = torch.nn.functional.avg_pool1d(sound[None], 3, 1, 1)[0]
        return sound / 4
