"""Residual codebooks: their entries by k-means, and what they make of latents.

EnCodec begins with k-means on a first batch and lets the entries follow a moving average (Défossez et al. 2022, section
3.2). Here the latents stand still (tiles.py), so that k-means on many of them is the end of it. The codebooks
themselves are transformers' (`EncodecResidualVectorQuantizer`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def start(books: Any, latents: Tensor, rounds: int) -> None:
    """Make every codebook by k-means on what the ones before it leave of `latents` (count, width)."""
    residual = latents
    for layer in books.layers:
        book = layer.codebook
        entries = k_means(residual, len(book.embed), rounds)
        found = torch.cdist(residual, entries).argmin(dim=1)
        book.embed.copy_(entries)
        book.cluster_size.copy_(torch.bincount(found, minlength=len(entries)))
        book.embed_avg.copy_(entries * book.cluster_size[:, None])
        residual = residual - entries[found]


def k_means(rows: Tensor, count: int, rounds: int) -> Tensor:
    """(count, width) centres of rows (any number, width); empty ones are drawn again from the rows."""
    centres = rows[torch.randperm(len(rows))[:count]].clone()
    for _ in range(rounds):
        found = torch.cdist(rows, centres).argmin(dim=1)
        counts = torch.bincount(found, minlength=count)
        sums = torch.zeros_like(centres).index_add_(0, found, rows)
        centres = sums / counts.clamp(min=1)[:, None]
        empty = counts == 0
        centres[empty] = rows[torch.randint(len(rows), (int(empty.sum()),))]
    return centres


@torch.no_grad()
def quantise(books: Any, latents: Tensor) -> tuple[Tensor, Tensor]:
    """Latents (batch, width, frames) as the codebooks have them, and their codes (batch, books, frames)."""
    codes = books.encode(latents)
    return books.decode(codes), codes.transpose(0, 1)
