"""What every autoencoder of the family keeps, whatever its layers: lengths, seams, and folded weights."""

from __future__ import annotations

import pytest
import torch

from evalkit.nets.stable_audio.dac_vae import DacConfig, DacVAE
from evalkit.nets.stable_audio.oobleck import OobleckConfig, OobleckVAE, fold_weight_norm


@pytest.fixture(params=["oobleck", "dac"])
def vae(request: pytest.FixtureRequest) -> OobleckVAE | DacVAE:
    """32 samples and 6 channels a latent."""
    torch.manual_seed(0)
    if request.param == "oobleck":
        return OobleckVAE(OobleckConfig(channels=4, c_mults=(1, 2, 4), strides=(2, 4, 4), latent=6)).eval()
    return DacVAE(DacConfig(d_model=4, strides=(2, 4, 4), channels=16, rates=(4, 4, 2), latent=6)).eval()


def test_sound_comes_back_as_long_as_it_went_in(vae: OobleckVAE | DacVAE) -> None:
    with torch.no_grad():
        latents = vae.encode(torch.randn(2, 2, 32 * 9))
        assert latents.shape == (2, 6, 9)
        assert vae.decode(latents).shape == (2, 2, 32 * 9)


@pytest.mark.parametrize("chunk", [1, 7, 20, 64])
def test_chunked_decode_is_the_whole_decode(vae: OobleckVAE | DacVAE, chunk: int) -> None:
    """A seam between chunks would be heard as a click in every long clip."""
    latents = torch.randn(2, 6, 50)
    with torch.no_grad():
        assert torch.allclose(vae.decode_chunked(latents, chunk), vae.decode(latents), atol=1e-6)


def test_reach_is_what_a_decoded_latent_depends_on(vae: OobleckVAE | DacVAE) -> None:
    """Too short a reach would leave the seam, too long a one decode for nothing."""
    reach = vae.config.decoder_reach
    latents, middle = torch.randn(1, 6, 4 * reach, requires_grad=True), 2 * reach
    vae.decode(latents)[..., middle * 32 : (middle + 1) * 32].sum().backward()
    assert latents.grad is not None
    touched = latents.grad.abs().sum(dim=(0, 1)).nonzero().flatten()
    assert touched.min() >= middle - reach
    assert touched.max() <= middle + reach
    assert max(middle - touched.min(), touched.max() - middle) == reach


@pytest.mark.parametrize("config", [OobleckConfig(), DacConfig()])
def test_the_published_sizes_reach_ten_latents(config: OobleckConfig | DacConfig) -> None:
    assert config.decoder_reach == 10


def test_folding_changes_no_sample(vae: OobleckVAE | DacVAE) -> None:
    audio = torch.randn(1, 2, 320)
    with torch.no_grad():
        before = vae.decode(vae.encode(audio))
        fold_weight_norm(vae)
        assert not [name for name, _ in vae.named_parameters() if "weight_" in name]
        assert torch.allclose(vae.decode(vae.encode(audio)), before, atol=1e-6)
