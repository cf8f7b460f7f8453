"""Stable Audio's networks and samplers against stable-audio-tools' own numbers (golden/stable_audio.npz).

`nox -s parity_stable_audio` makes the golden file again with the originals; here the weights are remade from their
seed. Six layouts, at full structure and reduced width, hold every option that evalkit accepts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import stable_audio_cases as cases
import stable_audio_seeded as seeded
import torch
from torch import Tensor

from evalkit.generators.stable_audio.network import published_names
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.model import StableAudio
from evalkit.nets.stable_audio.schedule import polyexponential, time_of

HERE = Path(__file__).parent
NETWORK, SAMPLING = 1e-4, 1e-3
FLOOR = 2e-5
"""What float32 leaves between two orders of summation; a forward that differs by more than this takes another path."""

PARAMETERS = {
    "stable-audio-1": (906_679_744, 89_574_656, 43_856_644),
    "stable-audio-2": (1_056_828_544, 77_989_888, 78_122_626),
    "stable-audio": (1_056_828_544, 77_989_888, 78_122_626),
    "stable-audio-open-small": (340_879_488, 77_989_888, 78_122_626),
}
"""Of the diffusion network, the encoder and the decoder."""


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(HERE / "golden" / "stable_audio.npz", allow_pickle=False) as file:
        return dict(file)


def relative(found: Tensor, wanted: np.ndarray) -> float:
    """The largest error beside the largest value."""
    assert tuple(found.shape) == wanted.shape
    return float(np.abs(found.numpy() - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("name", seeded.LAYOUTS)
def test_a_layout_computes_what_the_original_computes(golden: dict[str, np.ndarray], name: str) -> None:
    """One wrong norm, skip, gate, order of conditions or null gives plausible sound that is another model's."""
    answers = cases.kept(cases.answers(name))
    wanted = {key.removeprefix(f"{name}/"): value for key, value in golden.items() if key.startswith(f"{name}/")}
    assert set(answers) == set(wanted)
    errors = {key: relative(answers[key], value) for key, value in wanted.items()}
    chains = {key for key in errors if "/" in key}
    assert len(chains) >= 4
    assert {key: error for key, error in errors.items() if error > (SAMPLING if key in chains else FLOOR)} == {}


@pytest.mark.parametrize("name", seeded.FULL)
def test_a_published_architecture_has_the_originals_tensors(golden: dict[str, np.ndarray], name: str) -> None:
    """Names and shapes of the whole checkpoint, so that a released file loads with nothing missing or left over."""
    wanted = {line for line in golden[f"names/{name}"].tolist() if "inv_freq" not in line}
    assert {f"{key} {shape}" for key, shape in shapes(whole(name)).items()} == wanted


@pytest.mark.parametrize("name", seeded.FULL)
def test_a_published_architecture_has_the_published_number_of_parameters(name: str) -> None:
    model = whole(name)
    found = tuple(
        sum(parameter.numel() for parameter in part.parameters())
        for part in (model.backbone, model.vae.encoder, model.vae.decoder)
    )
    assert found == PARAMETERS[name]


def whole(name: str) -> StableAudio:
    with torch.device("meta"):
        return StableAudio(parse(seeded.shipped(name), name))


def shapes(model: StableAudio) -> Mapping[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in published_names(model.state_dict()).items()}


def test_noise_levels_and_times_are_the_originals(golden: dict[str, np.ndarray]) -> None:
    """For the published settings; a schedule that drifts samples another trajectory at every step."""
    settings = ((100, 0.3, 500.0), (250, 0.03, 1000.0), (100, 0.01, 100.0))
    sigmas = torch.cat([polyexponential(*setting) for setting in settings])
    np.testing.assert_allclose(sigmas, golden["sigmas"], rtol=1e-6, atol=0)
    np.testing.assert_allclose(time_of(sigmas), golden["times"], rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", seeded.LAYOUTS)
def test_the_golden_answers_could_tell_a_difference(golden: dict[str, np.ndarray], name: str) -> None:
    """Weights that let nothing through, or a guidance that does nothing, would agree with any network."""
    velocity, guided = golden[f"{name}/velocity"], golden[f"{name}/guided"]
    assert np.abs(velocity[0] - velocity[1]).max() > 0.1 * velocity.std()
    assert np.abs(guided - velocity).max() > 0.1 * velocity.std()
    assert np.abs(guided - golden[f"{name}/guided_by_a_negative"]).max() > 0.1 * velocity.std()
    decoded = golden[f"{name}/decoded"]
    assert 0.01 < decoded.std() < 10
    assert np.abs(decoded[0] - decoded[1]).max() > 0.1 * decoded.std()


def test_the_measured_differences_are_within_the_limits() -> None:
    """results/stable_audio.json, which reports/parity.md shows, was written by a live run of the originals."""
    rows = json.loads((HERE / "results" / "stable_audio.json").read_text(encoding="utf-8"))
    limits = {"network": NETWORK, "sampling": SAMPLING}
    assert {row["oracle"] for row in rows} == {"stable-audio-tools", "k-diffusion", "diffusers"}
    assert [row["quantity"] for row in rows if row["max_rel"] > limits[row["level"]]] == []
