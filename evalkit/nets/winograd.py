"""3 x 3 'same' convolutions on a CPU with a quarter of the multiplications: Winograd's F(4x4, 3x3).

Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, arXiv 1509.09308, sections 3 and 4.1.
The input is cut into 6 x 6 tiles that overlap by 2; each tile and each kernel are brought to 36 values by a
fixed linear map, multiplied there (36 products of matrices over the channels), and brought back to 4 x 4 outputs.
For inference in float32, without gradients. One layer rounds to 1e-6 of its output's root mean square, three to
six times a direct convolution's error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Pool = Literal["", "max", "mean"]

TILE, KERNEL, SIDE = 4, 3, 6
"""Outputs of a tile, taps of the kernel and inputs of a tile, along one side."""

POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)
"""Points of evaluation beside infinity; the paper's, with 2 for 1/2, round half as much again."""

AT_ONE = POINTS.index(1.0) * (SIDE + 1)
"""Of the 36 values the one at point (1, 1), which goes into all 16 outputs with factor 1: a bias goes here."""

BLOCK = 104
"""Tiles in flight: enough rows for the products, few enough to stay in the cache."""


def matrices() -> tuple[Tensor, Tensor, Tensor]:
    """The paper's B^T (6, 6), G (6, 3) and A^T (4, 6) in float64: outputs = A^T ((G kernel) * (B^T tile)).

    Toom-Cook's product of polynomials over `POINTS` and infinity, transposed.
    """
    powers = torch.zeros(SIDE, SIDE, dtype=torch.float64)
    scale = torch.ones(SIDE, 1, dtype=torch.float64)
    for row, point in enumerate(POINTS):
        powers[row] = torch.tensor([point**power for power in range(SIDE)])
        scale[row] = torch.tensor([point - other for other in POINTS if other != point]).prod()
    powers[-1, -1] = 1
    kernels, outputs = powers[:, :KERNEL].clone(), powers[:, :TILE].clone()
    kernels[-1, -1] = outputs[-1, -1] = 1
    return torch.linalg.inv(powers).T * scale, kernels / scale, outputs.T


@dataclass(frozen=True)
class Padded:
    """A map, channels last, with the zeros around it that the next convolution reads.

    `store` (batch, rows, columns, channels): a row and a column of zeros, then `height` x `width` values, then
    zeros to whole tiles and one more.
    """

    store: Tensor
    height: int
    width: int

    @classmethod
    def empty(cls, batch: int, height: int, width: int, channels: int) -> Padded:
        """A place for such a map; the values are not set, nor are the zeros after them (`clear`)."""
        # The layer before writes whole tiles, also past the last value.
        rows, columns = (TILE * -(-size // TILE) + TILE for size in (height, width))
        store = torch.empty(batch, rows, columns, channels, dtype=torch.float32)
        store[:, 0] = 0
        store[:, :, 0] = 0
        return cls(store, height, width)

    @classmethod
    def of(cls, hidden: Tensor, *, relu: bool = False) -> Padded:
        """From (batch, channels, height, width), float32."""
        batch, channels, height, width = hidden.shape
        made = cls.empty(batch, height, width, channels)
        torch.clamp_min(hidden.permute(0, 2, 3, 1), 0.0 if relu else -torch.inf, out=made._inside())
        return made.clear()

    def clear(self) -> Padded:
        """The same with zeros after the last row and column of values."""
        self.store[:, self.height + 1 :] = 0
        self.store[:, :, self.width + 1 :] = 0
        return self

    def plain(self) -> Tensor:
        """(batch, channels, height, width), a view."""
        return self._inside().permute(0, 3, 1, 2)

    def _inside(self) -> Tensor:
        return self.store[:, 1 : self.height + 1, 1 : self.width + 1]


class Conv3x3:
    """A convolution with stride 1 and zeros around, with a bias, and what follows it: ReLU, then 2 x 2 maxima or means.

    The transformed weights take four times the memory of the plain ones.
    """

    def __init__(self, weight: Tensor, bias: Tensor, *, relu: bool = False, pool: Pool = "") -> None:
        """`weight` (out, in, 3, 3) and `bias` (out,), best given in float64; `pool` leaves out an odd last line."""
        tiles, kernels, outputs = matrices()
        values = torch.einsum("ai,bj,ocij->abco", kernels, kernels, weight.detach().double())
        self._weight = values.flatten(0, 1).float().contiguous()
        self._bias, self._least, self._pool = bias.detach().float(), 0.0 if relu else -torch.inf, pool
        self._into, self._back = tiles.float(), outputs.float().contiguous()

    def __call__(self, given: Padded) -> Padded:
        """(batch, in, height, width) to (batch, out, height, width), or half of both sides with `pool`."""
        batch, (_, channels, made) = len(given.store), self._weight.shape
        step = TILE // 2 if self._pool else TILE
        height, width = (size * step // TILE for size in (given.height, given.width))
        found = Padded.empty(batch, height, width, made)
        high, wide = -(-given.height // TILE), -(-given.width // TILE)
        image, row, column, _ = given.store.stride()
        strides = (row, column, image, TILE * row, TILE * column, 1)
        tiles = given.store.as_strided((SIDE, SIDE, batch, high, wide, channels), strides)
        for images, rows in _blocks(batch, high, wide):
            values = self._outputs(tiles[:, :, images, rows])
            lines = slice(1 + step * rows.start, 1 + step * rows.stop)
            target = found.store[images, lines, 1 : 1 + step * wide]
            target = target.unflatten(2, (wide, step)).unflatten(1, (-1, step)).permute(2, 4, 0, 1, 3, 5)
            if self._pool == "mean":
                torch.mul(values, 0.25, out=target)
            else:
                torch.clamp_min(values, self._least, out=target)
        return found.clear()

    def _outputs(self, tiles: Tensor) -> Tensor:
        """(6, 6, images, rows, columns, in) to (4, 4, images, rows, columns, out), before ReLU; or (2, 2, ...), maxima
        before it or sums behind it."""
        places, channels = tiles.shape[2:5], tiles.shape[5]
        values = _both_sides(self._into, tiles.reshape(SIDE, -1))
        values = torch.bmm(values.view(SIDE * SIDE, -1, channels), self._weight)
        values[AT_ONE] += self._bias
        values = _both_sides(self._back, values.view(SIDE, -1))
        if not self._pool:
            return values.view(TILE, TILE, *places, -1)
        if self._pool == "mean":
            values.clamp_min_(self._least)
        together = torch.add if self._pool == "mean" else torch.maximum
        values = values.view(2, 2, 2, 2, *places, -1)
        values = together(values[:, 0], values[:, 1])
        return together(values[:, :, 0], values[:, :, 1])


def _both_sides(matrix: Tensor, values: Tensor) -> Tensor:
    """(6, 6 * others) to (n, n, others) with a matrix (n, 6): the columns of every tile, then its rows."""
    made = len(matrix)
    halfway = torch.mm(matrix, values).view(made, SIDE, -1)
    return torch.bmm(matrix.expand(made, made, SIDE), halfway)


def _blocks(batch: int, high: int, wide: int) -> Iterator[tuple[slice, slice]]:
    """Images and rows of tiles, `BLOCK` tiles at most where a row is no longer: several images or part of one."""
    images = max(1, BLOCK // (high * wide))
    rows = -(-high // -(-high * wide // BLOCK))
    for first in range(0, batch, images):
        for top in range(0, high, rows):
            yield slice(first, min(first + images, batch)), slice(top, min(top + rows, high))
