"""MS-CLAP's rows: crops drawn from the clip itself, of a clip alone; what its file and its words may be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.audio.clip import Clip, samples_digest
from evalkit.core.errors import BadCheckpoint, MissingWeights
from evalkit.embed.base import TextEmbedder
from evalkit.embed.msclap import crop_starts, crops_of, load
from evalkit.originals.seeded.msclap import SMALL, write_msclap
from evalkit.originals.seeded.torch_files import write_gpt2_tokenizer


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("msclap")
    write_msclap(folder / "CLAP_weights_2023.pth", SMALL)
    write_gpt2_tokenizer(folder / "gpt2")
    return folder / "CLAP_weights_2023.pth"


def clip(seconds: float, rate: int = 44100) -> Clip:
    draw = np.random.default_rng(round(seconds * 100))
    return Clip(draw.standard_normal((1, round(seconds * rate))).astype(np.float32) / 8, rate, f"{seconds}")


def test_a_clip_has_its_own_crops_whatever_file_it_is_in(checkpoint: Path) -> None:
    """One row up to 7 s, three beyond; a name or a neighbour changes none of them."""
    embedder = load("msclap-2023", checkpoint)
    assert isinstance(embedder, TextEmbedder)
    clips = [clip(8.0), clip(0.5, 16000), clip(7.0)]
    together = embedder.embed(clips)
    assert [each.shape for each in together] == [(3, 48), (1, 48), (1, 48)]
    np.testing.assert_array_equal(embedder.embed([replace(clips[0], digest="elsewhere")])[0], together[0])
    assert len({row.tobytes() for row in together[0]}) == 3


def test_where_crops_are(checkpoint: Path) -> None:
    digest = samples_digest(clip(8.0))
    starts = crop_starts(352_800, digest)
    assert starts == crop_starts(352_800, digest) != crop_starts(352_800, samples_digest(clip(9.0)))
    assert all(0 <= start < 352_800 - 308_700 for start in starts)
    samples = torch.arange(352_800.0)
    torch.testing.assert_close(crops_of(samples, digest)[:, 0], torch.tensor(starts).float())
    short = crops_of(samples[:100_000], digest)
    assert short.shape == (1, 308_700)
    torch.testing.assert_close(short[0, 300_000:], samples[:8_700])


def test_texts_do_not_depend_on_each_other(checkpoint: Path) -> None:
    embedder = load("msclap-2023", checkpoint)
    texts = ["rain", "wow! " + "a very long storm " * 40, ""]
    together = embedder.embed_text(texts)
    for text, row in zip(texts, together, strict=True):
        np.testing.assert_allclose(embedder.embed_text([text])[0], row, atol=1e-5)
    assert embedder.embed_text([]).shape == (0, 48)


def changed(checkpoint: Path, path: Path, name: str, tensor: torch.Tensor | None) -> Path:
    state = dict(torch.load(checkpoint, weights_only=True)["model"])
    del state[name]
    if tensor is not None:
        state[name] = tensor
    torch.save({"model": state}, path)
    write_gpt2_tokenizer(path.parent / "gpt2")
    return path


@pytest.mark.parametrize(
    ("name", "tensor", "told"),
    [
        ("audio_encoder.base.htsat.logmel_extractor.melW", torch.ones(513, 64), "mel filters"),
        ("caption_encoder.base.h.1.ln_2.bias", None, "missing text_model.h.1.ln_2.bias"),
        ("audio_encoder.projection.linear1.weight", None, "no HTSAT and GPT-2"),
        ("caption_encoder.base.wte.weight", torch.zeros(100, 64), "the text tower 100"),
    ],
)
def test_another_network_is_refused(
    checkpoint: Path, tmp_path: Path, name: str, tensor: torch.Tensor | None, told: str
) -> None:
    """The original loads with `strict=False`, and would score with whatever is left."""
    with pytest.raises(BadCheckpoint, match=told):
        load("msclap-2023", changed(checkpoint, tmp_path / "other.pth", name, tensor))


def test_words_must_be_there_and_be_gpt2s(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    alone = tmp_path / "alone.pth"
    alone.write_bytes(checkpoint.read_bytes())
    with pytest.raises(MissingWeights, match="gpt2_tokenizer"):
        load("msclap-2023", alone)
    other = tmp_path / "words"
    write_gpt2_tokenizer(other)
    vocabulary = json.loads((other / "vocab.json").read_text())
    vocabulary["Hello"], vocabulary["he"] = vocabulary["he"], vocabulary["Hello"]
    (other / "vocab.json").write_text(json.dumps(vocabulary))
    with pytest.raises(BadCheckpoint, match="not gpt2's tokenizer"):
        load("msclap-2023", alone, overrides={"gpt2_tokenizer": other})
