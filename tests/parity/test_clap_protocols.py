"""CLAP as fadtk, stable-audio-tools, audiocraft and av-benchmark feed it (golden/clap_protocols.npz).

`tests/parity/oracle_clap_protocols.py` makes the golden file again; here its weights are remade from their seed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch_cases

from evalkit.audio.clip import Clip
from evalkit.audio.decode import decode
from evalkit.embed.clap import Way, way_of
from evalkit.embed.clap_windows import ClapWindowsEmbedder
from evalkit.embed.load import load_embedder
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.originals.seeded import torch_files
from evalkit.suites.references import set_from_features

THIN, RATE = 997, 48000
WINDOWS = {"clap-music@fadtk": torch_files.BASE, "clap@stable-audio-3": torch_files.TINY_WITH_FUSION}
SCORES = ("clap-music@audiocraft", "clap-music-speech-audioset@av-benchmark")
CASES = (*torch_cases.SYNTHETIC, *torch_cases.EDGES)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "golden" / "clap_protocols.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    folder = tmp_path_factory.mktemp("clips")
    return {case.name: replace(decode(torch_cases.write_synthetic(case, folder)), digest=case.name) for case in CASES}


def unloaded(name: str) -> ClapWindowsEmbedder:
    """Everything before the network."""
    spec = SimpleNamespace(settings={}, dimensions=512, weights="")
    inner: Any = SimpleNamespace(way=way_of("clap", RATE), front=SimpleNamespace(rate=RATE), spec=spec)
    return ClapWindowsEmbedder(name, inner)


@pytest.mark.parametrize("name", list(WINDOWS))
def test_windows_are_the_originals(name: str, golden: dict[str, np.ndarray], clips: dict[str, Clip]) -> None:
    """How many rows a clip has, and of which samples: short, long, stereo, other rates; the toolkit decides."""
    embedder, compared = unloaded(name), 0
    for case, clip in clips.items():
        if f"{name}/lengths/{case}" not in golden:
            continue  # silence, which the original leaves out
        pieces = [piece.numpy() for piece in embedder.pieces(clip)]
        assert [len(piece) for piece in pieces] == list(golden[f"{name}/lengths/{case}"]), case
        found, wanted = np.concatenate(pieces)[::THIN], golden[f"{name}/pieces/{case}"]
        np.testing.assert_allclose(found, wanted, atol=1e-6, rtol=0, err_msg=case)  # a step of 16 bits is 3e-5
        compared += 1
    assert compared >= len(clips) - 1


@pytest.mark.parametrize("name", SCORES)
def test_sounds_are_prepared_as_the_originals_do(
    name: str, golden: dict[str, np.ndarray], clips: dict[str, Clip]
) -> None:
    way: Way = way_of(name, RATE)
    for case, clip in clips.items():
        found, wanted = way(clip).numpy(), golden[f"{name}/samples/{case}"]
        assert len(found) == golden[f"{name}/length/{case}"], case
        np.testing.assert_allclose(found[::THIN], wanted, atol=1e-6, err_msg=case)


@pytest.mark.parametrize("name", list(WINDOWS))
def test_distances_are_the_toolkits(name: str, golden: dict[str, np.ndarray]) -> None:
    """Of the rows that tests/parity/oracle_clap_protocols.py draws."""
    draw = np.random.default_rng(7)
    sides = [draw.normal(shift, 0.05, (60, 20, 64)).astype(np.float16).astype(np.float32) for shift in (0.0, 0.01)]
    ids = [f"{place:03d}" for place in range(60)]
    inputs = MetricInputs(ids, ids, list(sides[0]), set_reference=set_from_features(list(sides[1])))
    wanted = float(golden[f"{name}/drawn"])
    assert METRICS.load("fad_clap").compute(inputs).value == pytest.approx(wanted, rel=1e-4)


@pytest.mark.slow  # of full size: a minute of processor time
@pytest.mark.parametrize("name", [*WINDOWS, *SCORES])
def test_rows_are_the_originals(
    name: str, golden: dict[str, np.ndarray], clips: dict[str, Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full size, from LAION's file format."""
    monkeypatch.setattr("evalkit.embed.clap.samples_digest", lambda clip: clip.digest)  # the oracle's seeds: the names'
    torch_files.write_clap(tmp_path / "clap.pt", WINDOWS.get(name, torch_files.BASE))
    torch_files.write_tokenizer(tmp_path / "words")
    given = {name.partition("@")[0]: tmp_path / "clap.pt", "clap_tokenizer": tmp_path / "words"}
    embedder = load_embedder(name, overrides=given)
    for case, clip in clips.items():
        if f"{name}/audio/{case}" in golden:
            found, wanted = embedder.embed([clip])[0][0], golden[f"{name}/audio/{case}"]
        elif f"{name}/rows/{case}" in golden and clip.seconds < 6:
            found, wanted = embedder.embed([clip])[0][[0, -1]], golden[f"{name}/rows/{case}"]
        else:
            continue
        allowed = 6e-4 if name == "clap-music@fadtk" else 1e-4  # the one keeps rows as float16
        np.testing.assert_allclose(found, wanted, atol=allowed * float(np.abs(wanted).max()), err_msg=case)
