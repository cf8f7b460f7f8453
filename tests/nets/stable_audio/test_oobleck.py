from __future__ import annotations

import math

import pytest
import torch

from evalkit.nets.stable_audio.oobleck import OobleckConfig, OobleckVAE, SnakeBeta, current_weight

SMALL = OobleckConfig(channels=4, c_mults=(1, 2, 4), strides=(2, 4, 4), latent=6)


def test_open_1_0_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        vae = OobleckVAE(OobleckConfig())
    assert sum(p.numel() for p in vae.encoder.parameters()) == 77_989_888
    assert sum(p.numel() for p in vae.decoder.parameters()) == 78_122_626


def test_weight_norm_is_g_v_over_norm_of_v() -> None:
    conv = OobleckVAE(SMALL).encoder.layers[0]
    conv.weight_g.data.fill_(2.0)  # type: ignore[union-attr,operator]
    norms = current_weight(conv).flatten(1).norm(dim=1)
    assert torch.allclose(norms, torch.full_like(norms, 2.0))


def test_snake_beta_is_its_formula() -> None:
    snake = SnakeBeta(1)
    snake.alpha.data.fill_(math.log(3.0))
    snake.beta.data.fill_(math.log(2.0))
    found = snake(torch.tensor([[[0.5]]])).item()
    assert found == pytest.approx(0.5 + math.sin(1.5) ** 2 / 2)


def test_posterior_noise_moves_a_latent_by_its_standard_deviation() -> None:
    torch.manual_seed(0)
    vae = OobleckVAE(SMALL).eval()
    audio = torch.randn(1, 2, 64)
    mean, std = vae.posterior(audio)
    assert torch.equal(vae.encode(audio), mean)
    assert torch.allclose(vae.encode(audio, torch.ones_like(std)), mean + std)
    assert (std > 0).all()
