"""Small seeded networks and inputs, the same for the oracles' script and for the tests."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from evalkit.nets.stable_audio.dit import DiT, DiTConfig
from evalkit.nets.stable_audio.oobleck import OobleckConfig, OobleckVAE
from evalkit.nets.stable_audio.schedule import polyexponential

VAE = OobleckConfig(channels=4, c_mults=(1, 2, 4), strides=(2, 4, 4), latent=6)
DIT = DiTConfig(io_channels=6, embed_dim=256, depth=2, num_heads=4, cond_token_dim=128, global_cond_dim=48)
SIGMAS = polyexponential(8, 0.3, 50.0)


def _draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _seeded(module: nn.Module, scale: float) -> None:
    """Every parameter drawn from its own name, so that no layer's zero start hides a wrong path."""
    for index, parameter in enumerate(module.parameters()):
        parameter.data = _draw(*parameter.shape, seed=index) * scale


def seeded_vae() -> OobleckVAE:
    vae = OobleckVAE(VAE)
    _seeded(vae, 0.2)
    return vae.eval()


def seeded_dit() -> DiT:
    dit = DiT(DIT)
    _seeded(dit, 0.1)
    return dit.eval()


def sound() -> Tensor:
    return _draw(2, 2, 32 * 12, seed=101) * 0.3


def latents() -> Tensor:
    return _draw(2, VAE.latent, 12, seed=102)


def dit_inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, t, tokens, condition."""
    return _draw(2, 6, 16, seed=103), torch.tensor([0.2, 0.9]), _draw(2, 5, 128, seed=104), _draw(2, 48, seed=105)


def start() -> Tensor:
    return _draw(2, 3, 5, seed=106) * SIGMAS[0]


def toy_denoiser(x: Tensor, sigma: Tensor) -> Tensor:
    """A denoiser with curvature in x and sigma, so that every order of a solver shows."""
    sigma = sigma.reshape(-1, *[1] * (x.dim() - 1)) if sigma.dim() else sigma
    return torch.tanh(x / (1 + sigma)) + 0.1 * torch.sin(x / (1 + sigma**2).sqrt())


def unit_start() -> Tensor:
    return _draw(2, 3, 5, seed=107)


def draws() -> Iterator[Tensor]:
    """Standard normals of the starts' shape, as the oracles' scripts and the tests both take them."""
    return iter(_draw(64, 2, 3, 5, seed=5))


def toy_velocity(x: Tensor, t: Tensor) -> Tensor:
    """A velocity with curvature in x and t, so that every order of a solver shows; t is () or (batch,)."""
    t = t.reshape(-1, *[1] * (x.dim() - 1)) if t.dim() else t
    return torch.tanh(x * (0.5 + t)) - 0.3 * torch.cos(math.pi * t) * x
