"""Stable Audio 3 against stable-audio-tools' own numbers (golden/stable_audio_3.npz).

oracle_stable_audio_3.py makes the golden file; here the weights are remade from their seed. `small` sees chunks in its
autoencoder, `medium` windows, and attends differentially.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import stable_audio_3_cases as cases
import stable_audio_3_seeded as seeded
import torch
from torch import Tensor

from evalkit.generators.stable_audio.network import published_names
from evalkit.generators.stable_audio.text_towers import T5GemmaTower
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.lengths import Room, room
from evalkit.nets.stable_audio.model import StableAudio
from evalkit.nets.stable_audio.schedule import even_logsnr_times

FLOOR, SAMPLING = 2e-5, 1e-3
"""What float32 leaves between two orders of summation, in a forward and in a whole sampling."""

PARAMETERS = {"small": (459_130_880, 567_573_553), "medium": (1_453_170_176, 2_305_495_393)}
"""Of the diffusion network and of the whole file."""


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "golden" / "stable_audio_3.npz", allow_pickle=False) as file:
        return dict(file)


def relative(found: Tensor, wanted: np.ndarray) -> float:
    assert tuple(found.shape) == wanted.shape
    return float(np.abs(found.numpy() - wanted).max() / np.abs(wanted).max())


sampled = cache(cases.sampled)


@pytest.mark.parametrize("size", seeded.MODELS)
def test_a_step_is_the_originals(golden: dict[str, np.ndarray], size: str) -> None:
    """A padding that is zeroed, a local condition left out, an order of q, k and v or a norm's epsilon give sound that
    is plausible and another model's."""
    errors = {name: relative(value, golden[f"{size}/{name}"]) for name, value in cases.forward(size).items()}
    assert len(errors) == 5 + len(cases.GUIDANCE)
    assert {name: error for name, error in errors.items() if not error < FLOOR} == {}


@torch.no_grad()
def test_words_are_read_as_by_the_originals_conditioner(golden: dict[str, np.ndarray], tmp_path: Path) -> None:
    """T5Gemma with its tokenizer, its soft cap and the learnt padding, from a folder in the published layout."""
    rows, mask = T5GemmaTower(cases.tower(tmp_path), "cpu", cases.TOKENS).read(cases.PROMPTS)
    network = cases.model("small")
    network.conditioners["prompt"].padding_embedding.copy_(cases.padding())
    told = network.describe(rows, [1.0] * len(cases.PROMPTS), mask)
    assert told.tokens is not None and np.array_equal(mask.numpy(), golden["text/mask"])
    assert relative(told.tokens[:, : cases.TOKENS], golden["text/rows"]) < 1e-5


@pytest.mark.parametrize("size", seeded.MODELS)
def test_a_whole_sampling_is_the_originals(golden: dict[str, np.ndarray], size: str) -> None:
    """Two lengths in one batch, beside the original one by one: what is made, and what it sounds like."""
    errors = {}
    for name, found in sampled(size).items():
        for row, latents in enumerate(found):
            wanted = golden[f"{size}/{name}/{row}"]
            assert latents.shape[-1] <= wanted.shape[-1]
            errors[f"{name}/{row}"] = relative(latents, wanted[:, : latents.shape[-1]])
            if name == "from a sound":
                continue
            sound = cases.model(size).decode(latents[None])[0, :, : int(cases.LENGTHS[row] * 44100)]
            errors[f"{name}/{row}/sound"] = relative(
                sound[:, :: cases.AUDIO_STEP], golden[f"{size}/{name}/{row}/sound"]
            )
    assert len(errors) == 14
    assert {name: error for name, error in errors.items() if not error < SAMPLING} == {}


@pytest.mark.parametrize("size", seeded.MODELS)
def test_a_batch_of_mixed_lengths_is_its_single_runs(size: str) -> None:
    """Sounds must not depend on what else is asked for, of their own length or another."""
    network, options = cases.model(size), cases.CHAINS[0].options
    words, mask = (part[[0, 1, 1]] for part in cases.text())
    seconds = (0.5, 1.6, 0.5)

    def of(rows: list[int]) -> list[Tensor]:
        told = network.describe(words[rows], [seconds[row] for row in rows], mask[rows])
        drawing = [torch.Generator().manual_seed(row) for row in rows]
        return network.sample_each(told, [seconds[row] for row in rows], options, drawing)

    with torch.no_grad():
        for row, together in enumerate(of([0, 1, 2])):
            assert relative(of([row])[0], together.numpy()) < 1e-5


def test_the_times_are_the_originals(golden: dict[str, np.ndarray]) -> None:
    for steps, first in ((8, 1.0), (50, 1.0), (100, 1.0), (8, 0.7)):
        wanted = golden[f"times/{steps}/{first}"]
        np.testing.assert_allclose(even_logsnr_times(steps, first), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", seeded.MODELS)
def test_a_published_model_has_the_originals_tensors(golden: dict[str, np.ndarray], size: str) -> None:
    """Names, shapes and number of the whole file, so that it loads with nothing missing or left over."""
    with torch.device("meta"):
        network = StableAudio(parse(seeded.full(size), size))
    found = {f"{key} {tuple(value.shape)}" for key, value in published_names(network.state_dict()).items()}
    assert found == {line for line in golden[f"names/{size}"].tolist() if "inv_freq" not in line}
    counted = tuple(sum(each.numel() for each in part.parameters()) for part in (network.backbone, network))
    assert counted == PARAMETERS[size]


@pytest.mark.parametrize(
    ("size", "seconds", "drawn", "made"),
    [
        ("small", 0.5, 70, 70),
        ("small", 1.5, 82, 81),
        ("small", 5.0, 120, 118),
        ("small", 47.55, 578, 576),
        ("small", 113.9, 1292, 1291),
        ("small", 120.0, 1292, 1292),
        ("medium", 10.0, 174, 172),
        ("medium", 30.0, 388, 387),
        ("medium", 380.0, 4096, 4096),
    ],
)
def test_a_sound_takes_as_many_latents_as_the_publishers_code_gives_it(
    size: str, seconds: float, drawn: int, made: int
) -> None:
    assert room(parse(seeded.full(size), size), seconds) == Room(drawn, made)


@pytest.mark.parametrize("size", seeded.MODELS)
def test_the_golden_answers_could_tell_a_difference(golden: dict[str, np.ndarray], size: str) -> None:
    """Weights that let nothing through, or a guidance that does nothing, would agree with any network."""
    velocity = golden[f"{size}/velocity"]
    assert np.abs(velocity[0] - velocity[1]).max() > 0.1 * velocity.std()
    for name in ("inpainting", "padded", *(f"guided/{each}" for each in cases.GUIDANCE)):
        assert np.abs(golden[f"{size}/{name}"] - velocity).max() > 0.05 * velocity.std(), name
    assert np.abs(golden[f"{size}/guided/guided"] - golden[f"{size}/guided/plain"]).max() > 0.01 * velocity.std()
    distilled = golden[f"{size}/distilled/0"]
    assert 0.1 < distilled.std() < 10
    assert np.abs(golden[f"{size}/from a sound/0"] - distilled).max() > 0.1 * distilled.std()
