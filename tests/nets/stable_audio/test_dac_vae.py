from __future__ import annotations

import pytest
import torch

from evalkit.nets.stable_audio.dac_vae import DacConfig, DacVAE, Snake

SMALL = DacConfig(d_model=4, strides=(2, 4, 4), channels=16, rates=(4, 4, 2), latent=6)


@pytest.fixture
def vae() -> DacVAE:
    torch.manual_seed(0)
    return DacVAE(SMALL).eval()


def test_a_decoded_sound_stays_within_full_scale(vae: DacVAE) -> None:
    with torch.no_grad():
        assert vae.decode(9 * torch.randn(2, 6, 9)).abs().max() <= 1


def test_snake_is_its_formula() -> None:
    snake = Snake(1)
    snake.alpha.data.fill_(3.0)
    found = snake(torch.tensor([[[0.5]]]))
    assert torch.allclose(found, 0.5 + torch.sin(torch.tensor(1.5)) ** 2 / 3)


def test_it_learns(vae: DacVAE) -> None:
    """Weight norm, both projections and the posterior pass gradients: a mini is trained on this."""
    vae.train()
    audio = 0.3 * torch.sin(torch.arange(32 * 16) / 9.0).expand(1, 2, -1)
    optimizer = torch.optim.Adam(vae.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        loss = (vae.decode(vae.encode(audio, torch.randn(1, 6, 16))) - audio).square().mean()
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in vae.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
