"""CLAP from LAION's file format against laion-clap's own numbers (golden/clap.npz).

`nox -s parity` makes the golden file again with the original; here its weights are remade from their seed.
Over 10 s both have the same crops. The weights are full-size: the larger model, without fusion, is marked slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import laion_seeded
import numpy as np
import pytest
import torch_cases

from evalkit.audio.decode import decode
from evalkit.embed.clap import ClapEmbedder, crop_seed, prepare
from evalkit.embed.load import load_embedder
from evalkit.metrics.base import MetricInputs
from evalkit.metrics.clap_score import METRIC
from evalkit.nets.clap import tower_input
from evalkit.originals.quantities import COSINE, MEAN_SCORE, SCORE
from evalkit.originals.seeded import torch_files

DECIBEL = 0.1
SHAPES = {"fusion": torch_files.TINY_WITH_FUSION, "plain": torch_files.BASE}


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "golden" / "clap.npz", allow_pickle=False) as file:
        return dict(file)


def built(kind: str, folder: Path) -> ClapEmbedder:
    """The embedder from a .pt of LAION's layout and roberta-base's folder, each named as a user would."""
    path, tokenizer = folder / f"{kind}.pt", folder / "words"
    laion_seeded.write_clap(path, SHAPES[kind])
    torch_files.write_tokenizer(tokenizer)
    embedder = load_embedder("clap", overrides={"clap": path, "clap_tokenizer": tokenizer})
    path.unlink()
    assert isinstance(embedder, ClapEmbedder)
    return embedder


@pytest.fixture(scope="module")
def fusion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClapEmbedder]:
    """HTSAT-tiny with fusion: 630k-audioset-fusion-best.pt."""
    yield built("fusion", tmp_path_factory.mktemp("clap"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClapEmbedder]:
    """HTSAT-base without fusion: music_speech_audioset_epoch_15_esc_89.98.pt and its sisters."""
    yield built("plain", tmp_path_factory.mktemp("clap"))


def check(
    kind: str,
    clap: ClapEmbedder,
    golden: dict[str, np.ndarray],
    files: list[tuple[str, Path, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Front end, both embeddings, and the score of each clip and of all."""
    clips = [replace(decode(path), digest=name) for name, path, _ in files]
    monkeypatch.setattr("evalkit.embed.clap.samples_digest", lambda clip: clip.digest)  # the oracle's seeds: the names'
    names = [name for name, _, _ in files]
    for name, clip in zip(names, clips, strict=True):
        mel, _ = tower_input(prepare(clip, 48000), clap.front, crop_seed(name))
        expected = golden[f"{kind}/mel/{name}"]
        floor = expected.max() - 80  # further down both hold the rounding of float32
        ours = np.maximum(mel[:, ::100].numpy(), floor)
        np.testing.assert_allclose(ours, np.maximum(expected, floor), atol=DECIBEL, rtol=0, err_msg=name)
    features, texts = clap.embed(clips), clap.embed_text([caption for _, _, caption in files])
    for name, sound, text in zip(names, features, texts, strict=True):
        assert 1 - cosine(sound[0], golden[f"{kind}/audio/{name}"]) <= COSINE, name
        assert 1 - cosine(text, golden[f"{kind}/text/{name}"]) <= COSINE, name
    found = METRIC.compute(MetricInputs(ids=names, groups=names, features=features, texts=texts))
    expected = np.array([golden[f"{kind}/score/{name}"][0] for name in names])
    np.testing.assert_allclose([found.per_prompt[name] for name in names], expected, atol=SCORE, rtol=0)
    assert found.value == pytest.approx(expected.mean(), abs=MEAN_SCORE)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one.astype(np.float64), other.astype(np.float64)
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def synthetic(folder: Path) -> list[tuple[str, Path, str]]:
    return list(torch_cases.all_files(folder, None, (torch_cases.REPEATED, *torch_cases.EDGES)))


def recordings(esc10: Path, folder: Path) -> list[tuple[str, Path, str]]:
    return [*torch_cases.real_cases(esc10), torch_cases.write_long_real(esc10, folder)]


def test_fusion_has_the_originals_numbers(
    fusion: ClapEmbedder, golden: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mono, stereo, four rates, 0.1 s to 31 s, quiet and silent: another step anywhere would move the scores."""
    check("fusion", fusion, golden, synthetic(tmp_path), monkeypatch)


def test_fusion_has_the_originals_numbers_on_recordings(
    fusion: ClapEmbedder, golden: dict[str, np.ndarray], esc10: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check("fusion", fusion, golden, recordings(esc10, tmp_path), monkeypatch)


@pytest.mark.slow
def test_plain_has_the_originals_numbers(
    plain: ClapEmbedder, golden: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models without fusion hear through another mel, and one crop of a long clip."""
    check("plain", plain, golden, synthetic(tmp_path), monkeypatch)


@pytest.mark.slow
def test_plain_has_the_originals_numbers_on_recordings(
    plain: ClapEmbedder, golden: dict[str, np.ndarray], esc10: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check("plain", plain, golden, recordings(esc10, tmp_path), monkeypatch)


@pytest.mark.parametrize("kind", SHAPES)
def test_the_golden_clips_differ(golden: dict[str, np.ndarray], kind: str) -> None:
    """Weights that answer alike to every sound or caption would make the comparison empty."""
    for part in ("audio", "text"):
        rows = np.stack([row for name, row in golden.items() if name.startswith(f"{kind}/{part}/")])
        alike = rows @ rows.T
        assert np.median(alike[np.triu_indices(len(rows), 1)]) < 0.99
