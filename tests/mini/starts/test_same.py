"""How stable-audio-3-mini's autoencoder starts: its decoder undoes the analysis, in the network's own layers."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from evalkit.mini.starts.same import CONFIG, KEPT, Analysis, bent, companded, curve, fit_analysis, start_same
from evalkit.mini.starts.tiles import FLOOR, HOP, TILES, levels, patterns
from evalkit.nets.stable_audio.same import SameAutoencoder


def _sounds(count: int) -> torch.Tensor:
    """(count, samples): noise in bursts, louder and softer by 50 dB."""
    torch.manual_seed(0)
    loud = 10 ** (-2.5 * torch.rand(count, 32)).repeat_interleave(HOP, dim=1)
    return 0.3 * loud * torch.randn(count, 32 * HOP)


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return fit_analysis(_sounds(16))


@pytest.fixture(scope="module")
def vae(analysis: Analysis) -> SameAutoencoder:
    found = SameAutoencoder(CONFIG).eval()
    start_same(found, analysis)
    return found


def test_the_curve_is_undone_from_silence_to_full_scale() -> None:
    amplitudes = torch.logspace(-4.5, 0, 200)
    back = bent(companded((amplitudes + FLOOR).log()))
    assert (back / amplitudes - 1).abs().max() < 0.02
    silence = companded(torch.full((1,), FLOOR).log())
    assert bent(silence).abs() < 1e-6


def test_levels_are_nearly_logarithms() -> None:
    """A diffusion model's error of one size is then heard alike in loud and in faint sounds."""
    place, found = curve()
    heard = found > 1e-4
    step = torch.diff(20 * found[heard].log10()) / torch.diff(place[heard])
    assert step.quantile(0.05) > 25 and step.quantile(0.95) < 250


def test_the_decoder_sounds_each_tile_by_its_level(vae: SameAutoencoder, analysis: Analysis) -> None:
    """Through attention, gates and convolution as by plain arithmetic; with an odd number of latents, too."""
    audio = _sounds(3)[:, : 31 * HOP]
    with torch.no_grad():
        found = vae.decode(analysis.latents(audio[:, None]))[:, 0]
    kept = analysis.basis @ (companded(levels(audio)) - analysis.mean[:, None])
    tiles = bent(analysis.basis.T @ kept + analysis.mean[:, None])
    wanted = F.conv_transpose1d(tiles, patterns()[:, None], stride=HOP)[:, 0, HOP // 2 : -HOP // 2]
    assert found.shape == audio.shape
    assert (found - wanted).square().mean().sqrt() < 0.03 * wanted.square().mean().sqrt()


def test_half_precision_leaves_silence_silent(vae: SameAutoencoder, analysis: Analysis) -> None:
    """An amplitude is a small difference of gates, whose weights are stored in 16 bits."""
    stored = SameAutoencoder(CONFIG).eval()
    stored.load_state_dict({name: value.half().float() for name, value in vae.state_dict().items()})
    with torch.no_grad():
        silent = stored.decode(analysis.latents(torch.zeros(1, 1, 8 * HOP)))
    assert silent.abs().max() < 3e-3


def test_pieces_and_the_whole_are_one_sound(vae: SameAutoencoder, analysis: Analysis) -> None:
    latents = analysis.latents(_sounds(1)[:, None])
    with torch.no_grad():
        assert (vae.decode(latents) - vae.decode_chunked(latents, 8)).abs().max() < 1e-5


def test_latents_are_as_large_as_noise(analysis: Analysis) -> None:
    latents = analysis.latents(_sounds(16)[:, None])
    assert latents.shape[1:] == (KEPT, 32) and 0.5 < latents.std() < 2
    assert analysis.basis.shape == (KEPT, TILES)
