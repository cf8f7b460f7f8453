"""Classifier-free guidance of a network's two answers, under the condition and under none.

Sources: Ho & Salimans, "Classifier-free diffusion guidance", 2022; Lin et al., "Common diffusion noise schedules and
sample steps are flawed", 2024, section 3.4 (`rescaled`); Sadat et al., "Eliminating oversaturation and artifacts of
high guidance scales", 2024 (`across`), as stable-audio-tools 0.0.20 has it: over channels and length, without momentum.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def guide(x: Tensor, times: Tensor, answers: tuple[Tensor, Tensor], cfg: float, apg: float, objective: str) -> Tensor:
    """The guided velocity at x (batch, channels, length) and `times` (batch,), of the answers `cond` and `null`.

    `apg` is the share of adaptive projected guidance: of what the condition adds, the part along the sound that the
    conditioned answer points at is left out.
    """
    cond, null = answers
    if apg == 0:
        return null + cfg * (cond - null)
    return cond + (cfg - 1) * across(cond - null, _clean(x, times, cond, objective), apg)


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


def _clean(x: Tensor, times: Tensor, velocity: Tensor, objective: str) -> Tensor:
    """The sound that a velocity at x points at."""
    t = times[:, None, None]
    if objective != "v":
        return x - t * velocity
    angle = t * math.pi / 2
    return angle.cos() * x - angle.sin() * velocity
