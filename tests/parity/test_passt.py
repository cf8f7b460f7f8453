"""PaSST from the published file's format against hear21passt's own numbers (golden/passt.npz).

`nox -s parity` makes the golden file again with the original; here its weights are remade from their seed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch_cases

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.embed.passt import PaSSTEmbedder
from evalkit.metrics.base import MetricInputs
from evalkit.metrics.kl_passt import METRIC
from evalkit.originals.quantities import KL, LOGITS, PROBABILITY
from evalkit.originals.seeded import torch_files

QUICK = ("mono_16k_0.4s", "stereo_44k_1.4s", "mono_48k_5s_quiet")
CASES = (*torch_cases.SYNTHETIC, *torch_cases.EDGES)
SLOW = tuple(case.name for case in CASES if case.name not in QUICK)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "golden" / "passt.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def passt(tmp_path_factory: pytest.TempPathFactory) -> PaSSTEmbedder:
    """The full network from a .pt of the published layout."""
    path = tmp_path_factory.mktemp("passt") / "passt-s-f128-p16-s10-ap.476-swa.pt"
    torch_files.write_passt(path)
    embedder = load_embedder("passt", overrides={"passt": path})
    path.unlink()
    assert isinstance(embedder, PaSSTEmbedder)
    return embedder


def check(passt: PaSSTEmbedder, golden: dict[str, np.ndarray], files: list[tuple[str, Path]]) -> None:
    """Windows, logits, probabilities and the divergence of every clip from the others' references."""
    clips = [replace(decode(path), digest=name) for name, path in files]
    logits = passt.logits(clips)
    theirs = [golden[f"logits/{name}"] for name, _ in files]
    references = [softmax(row) for row in theirs]
    for (name, _), rows, expected in zip(files, logits, theirs, strict=True):
        assert len(rows) == golden[f"windows/{name}"]
        np.testing.assert_allclose(rows.mean(axis=0), expected, atol=LOGITS, rtol=0, err_msg=name)
    features = passt.embed(clips)
    for row, expected in zip(features, references, strict=True):
        np.testing.assert_allclose(row[0], expected, atol=PROBABILITY, rtol=0)
    names = [name for name, _ in files]
    turned = dict(zip(names, [*references[1:], references[0]], strict=True))
    expected = [upstream_kl(mine, turned[name]) for name, mine in zip(names, references, strict=True)]
    inputs = MetricInputs(ids=names, groups=names, features=features, pair_reference=turned)
    found = METRIC.compute(inputs)
    np.testing.assert_allclose([found.per_prompt[name] for name in names], expected, atol=KL, rtol=0)
    assert found.value == pytest.approx(np.mean(expected), abs=KL)


def softmax(row: np.ndarray) -> np.ndarray:
    shifted = np.exp(row.astype(np.float64) - row.max())
    return np.asarray(shifted / shifted.sum())


def upstream_kl(generated: np.ndarray, reference: np.ndarray) -> float:
    """`F.kl_div((reference + 1e-6).log(), generated, reduction="sum")`, written out."""
    return float((generated * (np.log(generated) - np.log(reference + 1e-6))).sum())


def synthetic(names: tuple[str, ...], folder: Path) -> list[tuple[str, Path]]:
    return [(case.name, torch_cases.write_synthetic(case, folder)) for case in CASES if case.name in names]


def test_short_clips_have_the_originals_logits(
    passt: PaSSTEmbedder, golden: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """Another window, filter bank, level or layer would move every KL-PaSST by more than systems differ."""
    check(passt, golden, synthetic(QUICK, tmp_path))


@pytest.mark.slow
def test_long_and_silent_clips_have_the_originals_logits(
    passt: PaSSTEmbedder, golden: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """10 s is one window and 10.001 s two; 31 s are six, whose logits are averaged before the softmax."""
    check(passt, golden, synthetic(SLOW, tmp_path))


@pytest.mark.slow
def test_recordings_have_the_originals_logits(
    passt: PaSSTEmbedder, golden: dict[str, np.ndarray], esc10: Path, tmp_path: Path
) -> None:
    """Real sound, compressed files included."""
    files = [*torch_cases.real_cases(esc10), torch_cases.write_long_real(esc10, tmp_path)]
    check(passt, golden, [(name, path) for name, path, _ in files])


def test_the_golden_clips_differ(golden: dict[str, np.ndarray]) -> None:
    """Weights that answer alike to every sound would make the comparison empty."""
    rows = np.stack([row for name, row in golden.items() if name.startswith("logits/")])
    assert rows.std(axis=0).mean() > 0.05
    assert golden["kl"].min() > 1e-3


def test_the_original_makes_nan_of_silence(golden: dict[str, np.ndarray]) -> None:
    """Why silence is compared at the network: the original's level step divides by zero; evalkit scores silence."""
    assert bool(golden["silent_is_nan_in_the_original"])
