from __future__ import annotations

import pytest
import torch

from evalkit.nets.stable_audio.dac_vae import DacConfig, DacVAE, Snake
from evalkit.nets.stable_audio.oobleck import fold_weight_norm

SMALL = DacConfig(d_model=4, strides=(2, 4, 4), channels=16, rates=(4, 4, 2), latent=6)


@pytest.fixture
def vae() -> DacVAE:
    torch.manual_seed(0)
    return DacVAE(SMALL).eval()


def test_sound_comes_back_as_long_as_it_went_in(vae: DacVAE) -> None:
    with torch.no_grad():
        latents = vae.encode(torch.randn(2, 2, 32 * 9))
        assert latents.shape == (2, 6, 9)
        sound = vae.decode(latents)
    assert sound.shape == (2, 2, 32 * 9)
    assert sound.abs().max() <= 1


@pytest.mark.parametrize("chunk", [1, 7, 20, 64])
def test_chunked_decode_is_the_whole_decode(vae: DacVAE, chunk: int) -> None:
    """A seam between chunks would be heard as a click in every long clip."""
    latents = torch.randn(2, 6, 50)
    with torch.no_grad():
        assert torch.allclose(vae.decode_chunked(latents, chunk), vae.decode(latents), atol=1e-6)


def test_reach_is_what_a_decoded_latent_depends_on(vae: DacVAE) -> None:
    """One latent less would leave the seam; the published rates reach 10."""
    reach = SMALL.decoder_reach
    latents = torch.randn(1, 6, 4 * reach, requires_grad=True)
    middle = 2 * reach
    vae.decode(latents)[..., middle * 32 : (middle + 1) * 32].sum().backward()
    assert latents.grad is not None
    touched = latents.grad.abs().sum(dim=(0, 1)).nonzero().flatten()
    assert touched.min() >= middle - reach
    assert touched.max() <= middle + reach
    assert touched.max() == middle + reach
    assert DacConfig().decoder_reach == 10


def test_folding_changes_no_sample(vae: DacVAE) -> None:
    audio = torch.randn(1, 2, 320)
    with torch.no_grad():
        before = vae.decode(vae.encode(audio))
        fold_weight_norm(vae)
        assert not [name for name, _ in vae.named_parameters() if "weight_" in name]
        assert torch.allclose(vae.decode(vae.encode(audio)), before, atol=1e-6)


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
