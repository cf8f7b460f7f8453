"""The language model's recipe, a few steps on made-up recordings, from codes to a folder that the adapter loads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from evalkit_codec import made_up

from evalkit.fetch.weights import locate
from evalkit.generators.base import GENERATORS, Generator
from evalkit.mini.train import audiogen, encodec
from evalkit.mini.train.loop import Options

SIZES = {
    "text_encoder": ("d_model", "d_kv", "d_ff", "num_layers", "num_heads"),
    "audio_encoder": ("sampling_rate", "upsampling_ratios", "num_filters", "hidden_size", "codebook_size", "pad_mode"),
    "decoder": ("hidden_size", "num_hidden_layers", "num_attention_heads", "ffn_dim", "num_codebooks", "pad_token_id"),
}


def test_a_code_is_where_sampling_puts_it() -> None:
    """Column s has, for book q, the code of frame s - 1 - q: trained otherwise, every book would be off by frames."""
    codes = torch.randint(256, (2, 6, 9))
    columns = audiogen.delayed(codes)
    assert columns.shape == (2, 6, 15)
    for book in range(6):
        assert (columns[:, book, : 1 + book] == 256).all()
        assert torch.equal(columns[:, book, 1 + book : 10 + book], codes[:, book])


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two steps of both recipes; the folder that they ship."""
    for module, names in (
        (encodec, {"SCENES": 12, "BATCH": 2, "load_recordings": made_up}),
        (audiogen, {"BATCH": 2, "POOL": 64, "WORD_STEPS": 2, "WORD_BATCH": 4, "load_recordings": made_up}),
    ):
        for name, value in names.items():
            monkeypatch.setattr(module, name, value)
    encodec.train(Options(tmp_path, tmp_path / "codec", 0, 0, "cpu", None))
    audiogen.train(Options(tmp_path, tmp_path / "lm", 0, 2, "cpu", None, tmp_path / "codec"))
    return tmp_path / "lm" / "shipped"


def test_the_recipe_ships_a_folder_that_the_adapter_loads(trained: Path) -> None:
    generator: Generator = GENERATORS.load("audiogen-mini")({}, checkpoint=trained)
    generator.load("cpu", "float32")
    made = generator.generate(["rain"], [1.0], [3], generator.spec.presets["card"])
    assert made.audio[0].shape == (1, 16000)
    assert np.isfinite(made.audio[0]).all()


def test_a_prompt_counts_before_the_first_step_of_the_language_model(trained: Path) -> None:
    """The text is left out of a tenth of the items, not of all of them."""
    generator: Generator = GENERATORS.load("audiogen-mini")({}, checkpoint=trained)
    generator.load("cpu", "float32")
    states = generator._adapter.encode(["rain", "a dog barking"]).states  # type: ignore[attr-defined]
    assert states[0, 0].norm() > 0 and not torch.allclose(states[0, 0], states[1, 0])
    assert not states[2:].any()


def test_the_shipped_folder_is_small_and_of_this_form() -> None:
    """With other sizes the recipe would make another model than the one that ships."""
    folder = locate("audiogen-mini", {})
    assert sum(file.stat().st_size for file in folder.iterdir()) < 9e6
    shipped = json.loads((folder / "config.json").read_text())
    wanted = audiogen.config(shipped["text_encoder"]["vocab_size"]).to_dict()
    for part, names in SIZES.items():
        assert {name: shipped[part][name] for name in names} == {name: wanted[part][name] for name in names}
