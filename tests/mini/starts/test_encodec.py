"""The codec's start: a vocoder written into EnCodec must be that vocoder, and silent in silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from evalkit_codec import made_up, vocode

from evalkit.mini.starts.encodec import Analysis, fit_analysis, hush
from evalkit.mini.starts.tiles import HOP, TILES
from evalkit.mini.train import encodec


@pytest.fixture(scope="module")
def started() -> tuple[Any, Analysis]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encodec, "SCENES", 12)
        torch.manual_seed(0)
        return encodec.new_codec(np.random.default_rng(0), made_up())


@torch.no_grad()
def test_the_decoder_is_the_vocoder_before_any_training(started: tuple[Any, Analysis]) -> None:
    """Exponentials and an inverse transform out of ELU and convolutions: a wrong tap or bias and it is noise."""
    codec, analysis = started
    latents = analysis.latents(encodec.draw_batch(np.random.default_rng(1), made_up(), 2))
    wanted = torch.stack([vocode(found) for found in analysis.basis.T @ latents + analysis.mean[:, None]])
    inside = slice(HOP, -HOP)
    found = codec.decoder(latents)[:, 0]
    assert (found - wanted)[:, inside].norm() < 0.1 * wanted[:, inside].norm()


@torch.no_grad()
def test_silence_is_silent_in_half_precision_too(started: tuple[Any, Analysis]) -> None:
    """The patterns cancel in silence only where their weights are exact; what is left is a hum in every pause."""
    codec, analysis = started
    silent = encodec.silent(codec, analysis)
    for _ in range(2):
        codec.half().float()
        hush(codec.decoder, silent)
    codec.half().float()
    sound = codec.decoder(silent[None, :, None].expand(1, -1, 30))
    assert sound[..., 8 * HOP : -8 * HOP].abs().max() < 1e-4


def test_an_analysis_keeps_what_the_rows_have_in_common() -> None:
    """Latents of fewer dimensions than tiles must hold what varies most, or the codebooks are spent on noise."""
    torch.manual_seed(0)
    rows = 5 * torch.randn(500, 8) @ torch.randn(8, TILES) + 0.1 * torch.randn(500, TILES) - 3
    analysis = fit_analysis(rows, 8)
    centred = rows - analysis.mean
    lost = centred - centred @ analysis.basis.T @ analysis.basis
    assert torch.allclose(analysis.basis @ analysis.basis.T, torch.eye(8), atol=1e-4)
    assert lost.square().mean() < 1e-3 * centred.square().mean()
