"""Winograd's convolution is torch's: any size, any block, with ReLU, maxima, means and bias, within rounding."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from evalkit.nets import winograd
from evalkit.nets.winograd import Conv3x3, Padded, Pool, matrices

POOLS: tuple[Pool, ...] = ("", "max", "mean")


def drawn(seed: int, batch: int, given: int, made: int, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Input, weight of the usual scale and bias."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(batch, given, height, width, generator=generator)
    weight = torch.randn(made, given, 3, 3, generator=generator) / (9 * given) ** 0.5
    return hidden, weight, torch.randn(made, generator=generator)


def wanted(hidden: Tensor, weight: Tensor, bias: Tensor, *, relu: bool, pool: Pool) -> Tensor:
    found = F.conv2d(hidden.double(), weight.double(), bias.double(), padding=1)
    found = F.relu(found) if relu else found
    return F.max_pool2d(found, 2) if pool == "max" else F.avg_pool2d(found, 2) if pool else found


def assert_equals_torch(sizes: tuple[int, int, int, int, int], seed: int, *, relu: bool, pool: Pool) -> None:
    hidden, weight, bias = drawn(seed, *sizes)
    with torch.inference_mode():
        found = Conv3x3(weight, bias, relu=relu, pool=pool)(Padded.of(hidden)).plain()
    torch.testing.assert_close(found.double(), wanted(hidden, weight, bias, relu=relu, pool=pool), atol=2e-5, rtol=0)


def test_matrices_give_a_correlation_exactly() -> None:
    """Four outputs of a 3-tap kernel over 6 values, to float64's rounding, for every unit input."""
    tiles, kernels, outputs = matrices()
    for tap in range(3):
        for place in range(6):
            kernel, tile = torch.eye(3).double()[tap], torch.eye(6).double()[place]
            exact = torch.tensor([float(place == start + tap) for start in range(4)]).double()
            assert float((outputs @ ((kernels @ kernel) * (tiles @ tile)) - exact).abs().max()) < 1e-14


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(
    "sizes",
    [(1, 1, 1, 2, 2), (2, 3, 5, 7, 9), (3, 8, 4, 12, 8), (2, 16, 32, 33, 49), (1, 4, 4, 5, 430), (5, 2, 3, 4, 4)],
)
def test_equals_torch(sizes: tuple[int, int, int, int, int], relu: bool, pool: Pool) -> None:
    """Odd sizes, one tile, whole tiles, rows longer than a block, several images in a block."""
    assert_equals_torch(sizes, 0, relu=relu, pool=pool)


@pytest.mark.parametrize("seed", range(40))
def test_equals_torch_at_sizes_drawn_at_random(seed: int) -> None:
    generator = torch.Generator().manual_seed(1000 + seed)
    limits = (4, 12, 12, 40, 40)
    batch, given, made, height, width = (int(torch.randint(1, n, (1,), generator=generator)) for n in limits)
    assert_equals_torch((batch, given, made, height + 1, width + 1), seed, relu=bool(seed % 2), pool=POOLS[seed % 3])


@pytest.mark.parametrize("block", [1, 5, 17, 10000])
def test_the_block_changes_the_speed_only(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "BLOCK", block)
    for pool in POOLS:
        assert_equals_torch((3, 4, 6, 21, 18), block, relu=True, pool=pool)


def test_a_chain_reads_no_value_that_a_layer_before_left_behind() -> None:
    """Past the edge each layer writes parts of tiles; the next must find zeros there."""
    hidden, first, bias = drawn(1, 2, 3, 6, 27, 26)
    second = drawn(2, 1, 6, 4, 1, 1)[1]
    with torch.inference_mode():
        halfway = Conv3x3(first, bias + 3, relu=True, pool="max")(Padded.of(hidden))
        found = Conv3x3(second, bias[:4])(halfway).plain()
    exact = wanted(hidden, first, bias + 3, relu=True, pool="max")
    torch.testing.assert_close(found.double(), wanted(exact, second, bias[:4], relu=False, pool=""), atol=5e-5, rtol=0)


def test_rounding_is_that_of_the_better_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """1e-6 of the output at OpenL3's channels; a third more with the paper's points."""
    hidden, weight, bias = drawn(3, 1, 128, 64, 24, 24)
    exact = wanted(hidden, weight, bias, relu=False, pool="")

    def error() -> float:
        found = Conv3x3(weight, bias)(Padded.of(hidden)).plain()
        return float(((found - exact).square().mean() / exact.square().mean()).sqrt())

    with torch.inference_mode():
        own = error()
        monkeypatch.setattr(winograd, "POINTS", (0.0, 1.0, -1.0, 2.0, -2.0))
        assert own < 2e-6
        assert error() > 1.3 * own


def test_not_a_number_stays_one() -> None:
    """A broken input must not come out as silence."""
    hidden, weight, bias = drawn(4, 1, 2, 2, 8, 8)
    hidden[0, 0, 3, 3] = torch.nan
    with torch.inference_mode():
        assert bool(Conv3x3(weight, bias, relu=True, pool="max")(Padded.of(hidden)).plain().isnan().any())


def test_an_empty_batch_is_empty() -> None:
    hidden, weight, bias = drawn(5, 0, 2, 3, 8, 8)
    with torch.inference_mode():
        assert Conv3x3(weight, bias)(Padded.of(hidden)).plain().shape == (0, 3, 8, 8)
