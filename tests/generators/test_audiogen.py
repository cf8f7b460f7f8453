"""AudioGen from audiocraft's own exports: what its modules compute, ours compute, and no pickle is run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from evalkit_baselines import same
from evalkit_checkpoints import small_t5

from evalkit.core.errors import BadCheckpoint
from evalkit.fetch.manifests import baselines
from evalkit.generators.base import GENERATORS, Generator
from evalkit.generators.baselines import adapter_module
from evalkit.generators.codec_lm import Drawing, Told

GOLDEN = Path(__file__).parent / "golden" / "audiogen"
OPTIONS = {"top_k": 5, "temperature": 1.0, "cfg": 3.0}


@pytest.fixture(scope="module")
def expected() -> dict[str, torch.Tensor]:
    with np.load(GOLDEN / "expected.npz", allow_pickle=False) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def adapter() -> ModuleType:
    return adapter_module(baselines()["audiogen-medium"])


@pytest.fixture
def loaded(tmp_path: Path) -> Generator:
    words = small_t5(tmp_path / "t5", width=24)
    generator: Generator = GENERATORS.load("audiogen-medium")({"audiogen-medium": GOLDEN, "t5-large": words})
    generator.load("cpu", "float32")
    return generator


def inner(generator: Generator) -> Any:
    return generator._adapter  # type: ignore[attr-defined]


@torch.inference_mode()
def test_the_language_model_says_what_audiocraft_s_says(loaded: Generator, expected: dict[str, torch.Tensor]) -> None:
    """A transposed matrix or exchanged norm still makes sound, of another model."""
    model = inner(loaded)._model
    states = model.enc_to_dec_proj(expected["states"])
    mask = torch.ones(1, 5, dtype=torch.long)
    logits = model.decoder(expected["sequence"][0], encoder_hidden_states=states, encoder_attention_mask=mask).logits
    assert torch.allclose(logits[None], expected["logits"], atol=1e-5)


@torch.inference_mode()
def test_the_codec_sounds_as_audiocraft_s(loaded: Generator, expected: dict[str, torch.Tensor]) -> None:
    model = inner(loaded)._model
    assert same(inner(loaded).decode(expected["codes"]), expected["sound"])
    codes = model.audio_encoder.encode(expected["sound"]).audio_codes
    assert torch.equal(codes[0], expected["encoded"])


@torch.inference_mode()
@pytest.mark.parametrize("prompt", ["greedy", "continued"])
def test_the_loop_makes_the_tokens_that_audiocraft_s_makes(
    loaded: Generator, expected: dict[str, torch.Tensor], prompt: str
) -> None:
    """The delays at both ends, the guidance, and where a continuation begins; a wrong one is heard as a seam."""
    states = inner(loaded)._model.enc_to_dec_proj(expected["states"])
    told = Told(torch.cat([states, torch.zeros_like(states)]), torch.ones(2, 5, dtype=torch.long))
    before = expected["codes"][..., :5] if prompt == "continued" else None
    codes = inner(loaded).window(told, 12, [torch.Generator()], Drawing(temperature=0.0), before)
    assert torch.equal(codes, expected[prompt])


@pytest.mark.parametrize(("seconds", "frames"), [(1.0, 50), (3.7, 185), (10.0, 500)])
def test_sounds_are_as_long_as_was_asked(
    loaded: Generator, monkeypatch: pytest.MonkeyPatch, seconds: float, frames: int
) -> None:
    """50 frames a second of 320 samples, up to the whole window at once: none is made in vain, and none is missing."""
    drawn: list[tuple[int, ...]] = []
    decode = inner(loaded).decode
    monkeypatch.setattr(inner(loaded), "decode", lambda codes: (drawn.append(codes.shape), decode(codes))[1])
    made = loaded.generate(["word3 word4"], [seconds], [7], OPTIONS)
    assert drawn == [(1, 4, frames)]
    assert made.sample_rate == 16000
    assert made.audio[0].shape == (1, round(seconds * 16000)) == (1, 320 * frames)
    assert np.isfinite(made.audio[0]).all() and made.audio[0].any()


def test_a_file_is_converted_once(adapter: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gigabytes are read and written by it."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path))
    first = adapter.convert(GOLDEN)
    stamp = (first / "model.safetensors").stat().st_mtime_ns
    assert adapter.convert(GOLDEN) == first
    assert (first / "model.safetensors").stat().st_mtime_ns == stamp
    assert not list(first.glob(".landing-*"))


class Evil:
    """Runs a command where it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> Any:
        return (Path.touch, (self.witness,))


def test_code_in_an_export_is_not_run(adapter: ModuleType, tmp_path: Path) -> None:
    """The published files ask for omegaconf's classes; anybody's could ask for any."""
    content = torch.load(GOLDEN / "state_dict.bin", weights_only=True)
    witness = tmp_path / "it ran"
    torch.save(content | {"more": Evil(witness)}, tmp_path / "state_dict.bin")
    (tmp_path / "compression_state_dict.bin").write_bytes((GOLDEN / "compression_state_dict.bin").read_bytes())
    with pytest.raises(BadCheckpoint, match="refused"):
        adapter.convert(tmp_path)
    assert not witness.exists()
    assert "omegaconf" not in sys.modules


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"xp.cfg": "transformer_lm: {positional_embedding: rope}"}, "positional_embedding"),
        ({"xp.cfg": "codebooks_pattern: {delay: {delays: [0, 0, 1, 1]}}"}, "delays"),
        ({"xp.cfg": "a: [b"}, "cannot be read as YAML"),
        ({"best_state": {}}, "no export"),
        ({"best_state": {"transformer.layers.0.rope.weight": torch.zeros(1)}}, "no place for"),
    ],
)
def test_what_these_classes_cannot_be_is_refused(
    adapter: ModuleType, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """It would load, and sample something that was never trained."""
    content = torch.load(GOLDEN / "state_dict.bin", weights_only=True)
    torch.save(content | change, tmp_path / "state_dict.bin")
    with pytest.raises(BadCheckpoint, match=message) as error:
        adapter.convert(tmp_path)
    assert str(tmp_path) in error.value.message and "\n" not in error.value.message
