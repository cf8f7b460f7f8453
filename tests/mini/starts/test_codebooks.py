"""Residual codebooks of audiogen-mini's codec."""

from __future__ import annotations

import torch
from transformers.models.encodec.modeling_encodec import EncodecResidualVectorQuantizer

from evalkit.mini.starts import codebooks
from evalkit.mini.train.encodec import BOOKS, WIDTH, config


def test_k_means_finds_the_clusters_that_are_there() -> None:
    torch.manual_seed(0)
    centres = 10 * torch.randn(8, 4)
    rows = centres.repeat(50, 1) + 0.01 * torch.randn(400, 4)
    found = codebooks.k_means(rows, 16, 20)
    assert torch.cdist(centres, found).min(dim=1).values.max() < 0.1


def test_every_codebook_adds_something_and_codes_decode_to_it() -> None:
    """The language model sees codes alone: they must stand for what the decoder is trained on."""
    torch.manual_seed(0)
    books = EncodecResidualVectorQuantizer(config())
    rows = torch.randn(3000, WIDTH)
    codebooks.start(books, rows, 3)
    latents = torch.randn(2, WIDTH, 30)
    entries, codes = codebooks.quantise(books, latents)
    assert codes.shape == (2, BOOKS, 30)
    errors = [
        float((books.decode(codes[:, :count].transpose(0, 1)) - latents).square().mean())
        for count in range(1, BOOKS + 1)
    ]
    assert errors == sorted(errors, reverse=True)
    assert torch.equal(books.decode(codes.transpose(0, 1)), entries)
