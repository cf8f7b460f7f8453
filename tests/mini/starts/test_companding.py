"""Companding within residual units: the curve must be a root, there must be a way back, and units must follow it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from evalkit.mini.starts import companding
from evalkit.mini.starts.companding import SINES, Bend, fit, root, write
from evalkit.nets.stable_audio import dac_vae
from evalkit.nets.stable_audio.oobleck import ResidualUnit

HIDDEN = 1 + SINES


@pytest.fixture(scope="module")
def bends() -> tuple[Bend, Bend]:
    return fit()


@pytest.fixture
def loud_and_faint() -> Tensor:
    """Over 80 dB, both signs."""
    x = torch.logspace(-2.5, 1.55, 300)
    return torch.cat([-x, x])


def test_the_curve_is_a_root_and_comes_back(bends: tuple[Bend, Bend], loud_and_faint: Tensor) -> None:
    down, up = bends
    with torch.no_grad():
        bent = down(loud_and_faint)
        back = up(bent)
    assert ((bent - root(loud_and_faint)).abs() / (root(loud_and_faint).abs() + 0.1)).max() < 0.25
    assert ((back - loud_and_faint).abs() / (loud_and_faint.abs() + 0.05)).max() < 0.3


def test_faint_sound_gains_on_loud_sound(bends: tuple[Bend, Bend]) -> None:
    """What lies 40 dB under a bark is 20 dB under it in the latents, where a diffusion model sees it."""
    with torch.no_grad():
        loud, faint = bends[0](torch.tensor([10.0, 0.1]))
    assert 7 < loud / faint < 14


def test_units_apply_the_curve_and_hardly_touch_other_channels(
    bends: tuple[Bend, Bend], loud_and_faint: Tensor
) -> None:
    torch.manual_seed(0)
    units = [ResidualUnit(16 * HIDDEN, dilation) for dilation in (1, 3, 9)]
    x = torch.stack([loud_and_faint, loud_and_faint.flip(0), *torch.zeros(16 * HIDDEN - 2, len(loud_and_faint))])[None]
    with torch.no_grad():
        write(units, bends[0], 2)
        y = x
        for unit in units:
            y = unit(y)
        for channel in (0, 1):
            assert torch.allclose(y[0, channel], bends[0](x[0, channel]), atol=0.15)
    assert y[0, 2:].abs().max() < 0.5


def test_units_that_are_too_narrow_are_refused(bends: tuple[Bend, Bend]) -> None:
    with pytest.raises(ValueError, match="channels"):
        write([ResidualUnit(HIDDEN, 1) for _ in range(companding.UNITS)], bends[0], 2)


def test_a_dac_bends_too_and_one_sine_a_unit_follows_roughly(loud_and_faint: Tensor) -> None:
    """Its snakes are as high as they are long; half of the channels, so that twice the bands fit."""
    torch.manual_seed(0)
    down, up = fit(1)
    units = [dac_vae.ResidualUnit(8, dilation) for dilation in (1, 3, 9)]
    x = torch.stack([loud_and_faint, *torch.zeros(7, len(loud_and_faint))])[None]
    with torch.no_grad():
        write(units, down, 1)
        y = x
        for unit in units:
            y = unit(y)
        assert torch.allclose(y[0, 0], down(loud_and_faint), atol=0.15)
        back = up(down(loud_and_faint))
    assert 6 < down(torch.tensor([10.0])) / down(torch.tensor([0.1])) < 20
    assert ((back - loud_and_faint).abs() / (loud_and_faint.abs() + 0.05)).max() < 0.5
