"""Who hears what, and how much a study of that size can see.

A *unit* is what one listener hears together: all of a prompt's sounds in MOS and MUSHRA, so that every listener
compares all models on the prompts that he has; one pair of one prompt in A/B. Each unit goes to exactly K listeners,
each of them once, and no listener has more than one unit more than another: an incomplete block design, balanced as far
as the numbers allow. Exchanges make two units share about as many listeners as any other two.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.listening.study import Scale

RATERS, MODELS_BY_PROMPT = 0.0250, 0.0083
"""Variances on a scale from 0 to 1, of AES-PAM's production quality (1,000 clips, ten raters, Tjandra et al. 2025,
arXiv:2502.05139, CC-BY 4.0): between the raters of one clip; and between prompts in the true difference of two systems
(musicgen_large with musicgen_melody and with musicldm, less the raters' part)."""

VOTES = 0.25
"""The most that a vote can vary, which is 1, ½ for a tie, or 0; of a yes or no too."""

_EXCHANGES = 20_000

SEEN = 2.80
"""Standard errors that a difference has to measure to be found four times of five at the level of 5 %."""


def seats(
    units: Sequence[tuple[str, ...]], listeners: int, each: int, chance: random.Random
) -> tuple[tuple[str, ...], ...]:
    """The codes that each of the `listeners` hears, every unit going to `each` of them (at most all)."""
    own: list[set[int]] = [set() for _ in range(listeners)]
    for unit in chance.sample(range(len(units)), len(units)):
        burden = [(len(had), chance.random()) for had in own]
        for listener in sorted(range(listeners), key=burden.__getitem__)[:each]:
            own[listener].add(unit)
    _mix(own, len(units), chance)
    return tuple(tuple(code for unit in sorted(had) for code in units[unit]) for had in own)


def _mix(own: list[set[int]], units: int, chance: random.Random) -> None:
    """Exchange a unit of one listener for one of another wherever that evens out how many listeners two units share."""
    shared = np.zeros((units, units))
    for had in own:
        shared[np.ix_(sorted(had), sorted(had))] += 1
    for _ in range(min(_EXCHANGES, 10 * units * len(own)) if len(own) > 1 else 0):
        first, second = chance.sample(own, 2)
        mine, theirs = sorted(first - second), sorted(second - first)
        if not mine or not theirs:
            continue
        gone, come = chance.choice(mine), chance.choice(theirs)
        left = [each for each in mine if each != gone]
        right = [each for each in theirs if each != come]
        tilt = shared[come] - shared[gone]
        if tilt[left].sum() - tilt[right].sum() + len(left) + len(right) >= 0:
            continue
        for one, rest, other in ((gone, left, come), (come, right, gone)):
            shared[one, rest] -= 1
            shared[rest, one] -= 1
            shared[other, rest] += 1
            shared[rest, other] += 1
        first ^= {gone, come}
        second ^= {gone, come}


@dataclass(frozen=True)
class Sight:
    """What a study can see: the difference between two models, in `unit`s, that is found four times of five, and the
    variances that this follows from, in words."""

    difference: float
    unit: str
    variances: str


def sight(kind: str, scale: Scale, prompts: int, each: int) -> Sight:
    """What `each` ratings of each of `prompts` clips of two models can see."""
    if kind == "ab":
        said = f"a vote varies by at most {VOTES} (1, ½ or 0)"
        return Sight(100 * SEEN * math.sqrt(VOTES / (prompts * each)), "percentage points of votes", said)
    span = scale.high - scale.low
    if span == 1:
        said = f"a yes or no varies by at most {VOTES}"
        return Sight(100 * SEEN * math.sqrt(2 * VOTES / (prompts * each)), "percentage points", said)
    within, between = RATERS * span**2, MODELS_BY_PROMPT * span**2
    said = f"variances {within:.3g} between raters of a clip, {between:.3g} between prompts in a difference (AES-PAM)"
    return Sight(
        SEEN * math.sqrt(between / prompts + 2 * within / (prompts * each)),
        f"points ({scale.low} to {scale.high})",
        said,
    )


def ratings_needed(kind: str, scale: Scale, prompts: int, difference: float) -> int | None:
    """How many ratings each clip needs for `difference` (as `Sight` counts it) to be seen; None where no number of
    listeners does it with so few prompts."""
    percent = kind == "ab" or scale.high - scale.low == 1
    wanted = (difference / (100 if percent else scale.high - scale.low) / SEEN) ** 2
    within = VOTES if kind == "ab" else 2 * VOTES if percent else 2 * RATERS
    left = wanted - (0.0 if percent else MODELS_BY_PROMPT / prompts)
    return None if left <= 0 else max(1, math.ceil(within / (prompts * left) - 1e-9))
