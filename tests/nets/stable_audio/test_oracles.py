"""Our networks and samplers against diffusers' and k-diffusion's, on the same seeded weights (golden/)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from evalkit.nets.stable_audio import k_samplers, samplers
from evalkit.nets.stable_audio.oobleck import fold_weight_norm
from evalkit.nets.stable_audio.schedule import polyexponential

sys.path.insert(0, str(Path(__file__).parent))
import networks

sys.path.pop(0)

GOLDEN = Path(__file__).parent / "golden" / "oracles.npz"


@pytest.fixture(scope="module")
def oracles() -> dict[str, Tensor]:
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


def _relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("folded", [False, True])
def test_vae_is_the_published_one(oracles: dict[str, Tensor], folded: bool) -> None:
    """A wrong path in encoder or decoder would give another model's sound, plausibly."""
    vae = networks.seeded_vae()
    if folded:
        fold_weight_norm(vae)
    with torch.no_grad():
        assert _relative(vae.encoder(networks.sound()), oracles["encoded"]) < 1e-5
        assert _relative(vae.decode(networks.latents()), oracles["decoded"]) < 1e-5


def test_dit_is_the_published_one(oracles: dict[str, Tensor]) -> None:
    """Grouped heads, partial rotary, gates and the prepended token, all at once."""
    with torch.no_grad():
        assert _relative(networks.seeded_dit()(*networks.dit_inputs()), oracles["velocity"]) < 1e-5


def test_sigmas_are_k_diffusions(oracles: dict[str, Tensor]) -> None:
    assert torch.allclose(polyexponential(10, 0.3, 500.0), oracles["sigmas"], rtol=1e-6, atol=0)


def _draws() -> Iterator[Tensor]:
    return iter(torch.randn(64, *networks.start().shape, generator=torch.Generator().manual_seed(5)))


@pytest.mark.parametrize(
    ("name", "sampler", "eta", "skipped"),
    [
        ("dpmpp_2m", samplers.dpmpp_2m, 0.0, 0),
        ("dpmpp_2m_sde", samplers.dpmpp_2m_sde, 1.0, 0),
        ("dpmpp_3m_sde_eta_0", samplers.dpmpp_3m_sde, 0.0, 0),
        ("dpmpp_3m_sde", samplers.dpmpp_3m_sde, 1.0, 7),
        ("heun", k_samplers.heun, 0.0, 0),
        ("dpm_2", k_samplers.dpm_2, 0.0, 0),
        ("lms", k_samplers.lms, 0.0, 0),
        ("dpmpp_2s_ancestral_eta_0", k_samplers.dpmpp_2s_ancestral, 0.0, 0),
        ("dpmpp_2s_ancestral", k_samplers.dpmpp_2s_ancestral, 1.0, 21),
    ],
)
def test_samplers_step_as_k_diffusions(
    oracles: dict[str, Tensor], name: str, sampler: Callable[..., Tensor], eta: float, skipped: int
) -> None:
    """The same noise must end in the same sample; the script drew 7 noises for 2M-SDE before 3M-SDE's,
    and 7 more for 3M-SDE and for 2S at eta 0, before 2S ancestral's."""
    draws = _draws()
    for _ in range(skipped):
        next(draws)
    found = sampler(networks.toy_denoiser, networks.start(), networks.SIGMAS, lambda: next(draws), eta)
    assert _relative(found, oracles[name]) < 1e-5
