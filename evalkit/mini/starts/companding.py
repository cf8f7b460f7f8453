"""Companding within convolutions: residual units that take roughly the square root of coefficients, and back.

The coefficients of a lapped transform span 60 dB: a bark, and the silence after it. A diffusion model trained
on them by mean squares never sees the silence, and fills it with hiss. Under a square root that keeps the sign
both matter. Oobleck and the DAC have no root, but their snakes bend: a channel that runs ahead by a quarter period
turns `sin^2` into `sin`, so that a residual unit can make of each coefficient

    x + gain x + sum_k height_k sin(frequency_k x)

and a few units in a row follow any smooth odd curve: closely with three sines each, roughly with one, which takes
half of the channels. The curves are fitted here, by least squares; training starts from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

from evalkit.mini.train.loop import set_rate
from evalkit.nets.stable_audio import dac_vae, oobleck
from evalkit.nets.stable_audio.oobleck import SnakeBeta, WNConv1d

ResidualUnit = oobleck.ResidualUnit | dac_vae.ResidualUnit
Snake = SnakeBeta | dac_vae.Snake

UNITS, SINES = 3, 3
"""Residual units of a stage, and sines in a unit where there is room."""

LOUDEST = 40.0
"""Coefficients have unit variance over all sound; the loudest are this large."""

FAINTEST = 0.05
"""Within this the curve is straight, as a root's slope at zero is infinite."""

_STRAIGHT = math.exp(-6.0)
"""Oobleck's alpha at which a snake is a straight line for any coefficient."""

_STRAIGHT_DAC = 2.0**-14
"""The DAC's: its height is 1 / alpha, so that the bend falls with alpha alone. The least normal number of float16."""

_BETA = 0.5
"""Oobleck's beta at which a sine has height 1."""

_FIT_STEPS, _FIT_RATE, _RISING = 3000, 0.02, 0.3


class Bend(nn.Module):
    """An odd curve as a chain of units: `gain` (UNITS,), `height` and `frequency` (UNITS, sines)."""

    def __init__(self, gain: float, frequencies: tuple[float, float], sines: int = SINES) -> None:
        """Nearly a line of slope (1 + gain) ** UNITS, with sines ready over a range of frequencies."""
        super().__init__()
        low, high = map(math.log, frequencies)
        self.gain = nn.Parameter(torch.full((UNITS,), gain))
        self.height = nn.Parameter(torch.full((UNITS, sines), 1e-3))
        self.log_frequency = nn.Parameter(torch.linspace(low, high, UNITS * sines).reshape(UNITS, sines))

    @property
    def frequency(self) -> Tensor:
        return self.log_frequency.exp()

    def forward(self, x: Tensor) -> Tensor:
        """The curve at points (points,)."""
        for gain, height, frequency in zip(self.gain, self.height, self.frequency, strict=True):
            x = x + gain * x + torch.sin(x[:, None] * frequency) @ height
        return x


def root(x: Tensor) -> Tensor:
    """sign(x) sqrt|x|, straight within FAINTEST."""
    return x / (x * x + FAINTEST**2) ** 0.25


@cache
def fit(sines: int = SINES) -> tuple[Bend, Bend]:
    """The root, and the way back from what the first chain really gives. Takes some seconds; no randomness."""
    x = torch.logspace(-2.5, math.log10(LOUDEST), 600)
    down, up = Bend(-0.3, (0.1, 2.0), sines), Bend(0.3, (0.3, 3.0), sines)
    _fit(down, x, root(x), 1 / (root(x) + 0.1))
    _fit(up, down(x).detach(), x, 1 / (x + 0.05))
    return down, up


def _fit(bend: Bend, x: Tensor, y: Tensor, weight: Tensor) -> None:
    """Bring `bend` near y(x) under `weight`."""
    optimizer = torch.optim.Adam(bend.parameters())
    for step in range(_FIT_STEPS):
        set_rate(optimizer, _FIT_RATE * (1 + math.cos(math.pi * step / _FIT_STEPS)) / 2)
        optimizer.zero_grad()
        found = bend(x)
        # Where the curve falls, two coefficients become one and nothing brings them back.
        slope = found.diff() / y.diff()
        loss = (weight * (found - y)).square().mean() + _RISING * (slope - 0.3).clamp(max=0).square().mean()
        loss.backward()
        optimizer.step()


def write(units: Sequence[ResidualUnit], bend: Bend, count: int) -> None:
    """Set `units`, one after the other, to apply `bend` to their first `count` channels and to do nothing else.

    Raises ValueError where the units are too narrow: each coefficient needs a straight hidden channel, and one for
    each sine.
    """
    for unit, gain, height, frequency in zip(units, bend.gain, bend.height, bend.frequency, strict=True):
        _write_unit(unit, gain, height, frequency, count)


def straighten(snake: Snake) -> None:
    """Make a snake pass on what it is given."""
    if isinstance(snake, SnakeBeta):
        snake.alpha.fill_(math.log(_STRAIGHT))
    else:
        snake.alpha.fill_(_STRAIGHT_DAC)


def _curve(snake: Snake, frequency: Tensor, count: int) -> Tensor:
    """Give the snake's first channels, `count` times, one line and sines of these frequencies; their heights."""
    used = slice(0, (1 + len(frequency)) * count)
    if isinstance(snake, SnakeBeta):
        snake.alpha[used] = torch.cat([torch.tensor([_STRAIGHT]), frequency / 2]).log().repeat(count)
        snake.beta[used] = math.log(_BETA)
        return torch.ones_like(frequency)
    snake.alpha[0, used, 0] = torch.cat([torch.tensor([_STRAIGHT_DAC]), frequency / 2]).repeat(count)
    return 1 / frequency


def _write_unit(unit: ResidualUnit, gain: Tensor, height: Tensor, frequency: Tensor, count: int) -> None:
    bend_in, spread, bend, gather = unit.layers if isinstance(unit, oobleck.ResidualUnit) else unit.block
    assert isinstance(bend_in, Snake) and isinstance(spread, WNConv1d)
    assert isinstance(bend, Snake) and isinstance(gather, WNConv1d)
    hidden = 1 + len(frequency)
    if count * hidden > spread.out_channels:
        raise ValueError(f"{count} coefficients do not fit into {spread.out_channels} channels")
    straighten(bend_in)
    for conv in (spread, gather):
        # Not zero: under weight norm a row of zeros has no direction.
        conv.weight_v.copy_(1e-3 * torch.randn_like(conv.weight_v) / math.sqrt(conv.weight_v[0].numel()))
    given = _curve(bend, frequency, count)
    gains = torch.cat([gain[None] - (height / given).sum(), height / given])
    ahead = torch.cat([torch.zeros(1), torch.pi / 2 / frequency])
    for channel in range(count):
        own = slice(hidden * channel, hidden * (channel + 1))
        spread.weight_v[own, channel, spread.kernel_size[0] // 2] = 1.0
        gather.weight_v[channel, own, 0] = gains
    assert spread.bias is not None and gather.bias is not None
    spread.bias[: hidden * count] = ahead.repeat(count)
    gather.bias[:count] = -(gains @ ahead + height.sum())
    for conv in (spread, gather):
        conv.weight_g.copy_(conv.weight_v.flatten(1).norm(dim=1)[:, None, None])
