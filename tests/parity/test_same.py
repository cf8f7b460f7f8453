"""SAME, the autoencoder of Stable Audio 3, against stable-audio-tools' own numbers (golden/same.npz).

oracle_same.py makes the golden file; here the weights are remade from their seed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import same_cases as cases
import stable_audio_3_seeded as seeded
import torch
from torch import Tensor

FLOOR = 2e-5
"""What float32 leaves between two orders of summation."""

PARAMETERS = {"s": (53_728_792, 54_515_224), "l": (426_063_664, 426_062_896)}
"""Of encoder and decoder, as published; 513 more are the bottleneck's."""


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "golden" / "same.npz", allow_pickle=False) as file:
        return dict(file)


small = cache(cases.small)


def relative(found: Tensor, wanted: np.ndarray) -> float:
    return float(np.abs(found.numpy() - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("size", seeded.SIZES)
@pytest.mark.parametrize("length", cases.LENGTHS)
def test_latents_decode_to_the_originals_sound(golden: dict[str, np.ndarray], size: str, length: int) -> None:
    """Of SAME-S the original gives whole chunks, here as long as was asked; with noise on the tokens, and without."""
    for name, noise in (("decoded", None), ("noisy", cases.token_noise(size, length))):
        found = small(size).decode(cases.latents(length), noise)
        assert found.shape == (2, 2, length * cases.RATIO)
        assert relative(found, golden[f"{size}/{name}/{length}"][..., : found.shape[-1]]) < FLOOR, name


@pytest.mark.parametrize("size", seeded.SIZES)
@pytest.mark.parametrize("samples", cases.SOUNDS)
def test_a_sound_encodes_to_the_originals_latents(golden: dict[str, np.ndarray], size: str, samples: int) -> None:
    whole = -(-samples // cases.RATIO)
    audio = torch.nn.functional.pad(cases.sound(samples), (0, whole * cases.RATIO - samples))
    latents, deviation = small(size).posterior(audio)
    assert latents.shape == deviation.shape == (2, 6, whole)
    assert not deviation.any()
    assert relative(latents, golden[f"{size}/encoded/{samples}"][..., :whole]) < FLOOR


@pytest.mark.parametrize("size", seeded.SIZES)
@pytest.mark.parametrize("length", [39, 40])
def test_pieces_are_the_whole(size: str, length: int) -> None:
    """A long sound is made in pieces; a seam would be a click every few seconds."""
    network, latents = small(size), cases.latents(length)
    whole = network.decode(latents)
    for chunk in (1, 6, 13):
        assert relative(network.decode_chunked(latents, chunk), whole.numpy()) < 1e-5
    audio = whole[..., : length * cases.RATIO]
    wanted = network.encode_whole(audio)
    for chunk in (1, 6, 13):
        assert relative(network.posterior(audio, chunk)[0], wanted.numpy()) < 1e-5


@pytest.mark.parametrize("size", seeded.SIZES)
def test_pieces_see_no_more_than_they_must(size: str) -> None:
    """A reach that is too large costs time in every piece; one that is too small is heard (above)."""
    network, latents = small(size), cases.latents(40)
    moved = latents.clone()
    moved[..., 20] += 1
    apart = (network.decode(moved) - network.decode(latents)).abs().amax(dim=(0, 1)).reshape(40, -1).amax(dim=1)
    touched = apart.nonzero().flatten()
    reach = network.config.decoder_reach
    assert reach - network.grain < max(20 - int(touched[0]), int(touched[-1]) - 20) <= reach


@pytest.mark.parametrize("size", seeded.SIZES)
def test_a_published_autoencoder_has_the_originals_tensors(golden: dict[str, np.ndarray], size: str) -> None:
    """Names, shapes and number of the whole file, so that it loads with nothing missing or left over."""
    with torch.device("meta"):
        network = cases.built(seeded.full_same(size))
    found = {f"{key} {tuple(value.shape)}" for key, value in network.state_dict().items()}
    assert found == {line for line in golden[f"names/{size}"].tolist() if "inv_freq" not in line}
    parts = network.encoder, network.decoder, network.bottleneck
    counted = tuple(sum(parameter.numel() for parameter in part.parameters()) for part in parts)
    assert counted == (*PARAMETERS[size], 513)


@pytest.mark.parametrize("size", seeded.SIZES)
def test_the_golden_answers_could_tell_a_difference(golden: dict[str, np.ndarray], size: str) -> None:
    """Weights that let nothing through would agree with any network."""
    decoded, encoded = golden[f"{size}/decoded/40"], golden[f"{size}/encoded/{cases.SOUNDS[-1]}"]
    assert np.abs(golden[f"{size}/noisy/40"] - decoded).max() > 0.01 * decoded.std()
    for answer in (decoded, encoded):
        assert 0.05 < answer.std() < 50
        assert np.abs(answer[0] - answer[1]).max() > 0.1 * answer.std()


def test_it_learns() -> None:
    """Every parameter but the bottleneck's unused one gets a gradient, as a recipe of a mini needs."""
    network = cases.built(seeded.small_same("l"))
    latents, _ = network.posterior(cases.sound(4 * cases.RATIO))
    network.decode(latents).square().mean().backward()
    without = {name for name, each in network.named_parameters() if each.grad is None and each.numel()}
    assert without == set()
