"""Classifier-free guidance of a network's two answers, under the condition and under none.

Sources: Ho & Salimans, "Classifier-free diffusion guidance", 2022; Lin et al., "Common diffusion noise schedules and
sample steps are flawed", 2024, section 3.4 (`rescaled`); Sadat et al., "Eliminating oversaturation and artifacts of
high guidance scales", 2024 (`across`, `limited`), as stable-audio-tools 0.0.20 has it: over channels and length,
without momentum; Kynkäänniemi et al., "Applying guidance in a limited interval improves sample and distribution quality
in diffusion models", 2024 (`Guidance.low`, `Guidance.high`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Guidance:
    """How much of what the condition adds is added once more (`scale` - 1 times; 1: none of it), and how.

    `rescale` is the share of the result that gets the spread over channels of the conditioned answer. `apg` is the
    share of adaptive projected guidance: of what the condition adds to the sound that is pointed at, the part along
    that sound is left out. `most` is the greatest length of what the condition adds, over channels and latents (0:
    any). There is guidance from noise level `low` to `high` of the path from sound (0) to noise (1), and beyond them
    the conditioned answer stays as it is.
    """

    scale: float
    rescale: float = 0.0
    apg: float = 0.0
    most: float = 0.0
    low: float = 0.0
    high: float = 1.0

    @property
    def everywhere(self) -> bool:
        """Is there guidance at every noise level?"""
        return self.low <= 0 and self.high >= 1

    def holds_at(self, t: Tensor, objective: str) -> bool:
        """Is there guidance at the time t () or (batch,)? Of a batch the first item's counts, as in the original."""
        level = _level(t.float().reshape(-1)[0], objective)
        return bool((level >= self.low) & (level <= self.high))


def guide(x: Tensor, times: Tensor, answers: tuple[Tensor, Tensor], how: Guidance, objective: str) -> Tensor:
    """The guided velocity at x (batch, channels, length) and `times` (batch,), of the answers `cond` and `null`."""
    cond, null = answers
    added = cond - null
    if how.most:
        added = limited(added, how.most / _level(times, objective)[:, None, None])
    if how.apg:
        added = across(added, _clean(x, times, cond, objective), how.apg)
    plain = not (how.most or how.apg)
    guided = null + how.scale * added if plain else cond + (how.scale - 1) * added
    return rescaled(guided, cond, how.rescale)


def limited(added: Tensor, most: Tensor) -> Tensor:
    """`added` (batch, channels, length) no longer than `most` (batch, 1, 1), over channels and length, per item."""
    return added * (most / added.norm(dim=(1, 2), keepdim=True)).clamp(max=1)


def across(added: Tensor, along: Tensor, share: float) -> Tensor:
    """`added` (batch, channels, length) without `share` of its part along `along`, per item, in float64."""
    direction = torch.nn.functional.normalize(along.double().flatten(1), dim=1).view_as(along)
    part = (added.double() * direction).sum(dim=(1, 2), keepdim=True) * direction
    return added - (share * part).to(added.dtype)


def rescaled(guided: Tensor, cond: Tensor, share: float) -> Tensor:
    """(batch, channels, length): `share` of `guided` at the spread over channels that `cond` has, the rest as it is."""
    if share == 0:
        return guided
    spread = cond.std(dim=1, keepdim=True) / guided.std(dim=1, keepdim=True)
    return share * (guided * spread) + (1 - share) * guided


def _level(t: Tensor, objective: str) -> Tensor:
    """How much of x is noise at the times t."""
    return torch.sin(t * math.pi / 2) if objective == "v" else t


def _clean(x: Tensor, times: Tensor, velocity: Tensor, objective: str) -> Tensor:
    """The sound that a velocity at x points at."""
    t = times[:, None, None]
    kept = torch.cos(t * math.pi / 2) if objective == "v" else 1
    return kept * x - _level(t, objective) * velocity
