"""KL as the published numbers have it, to the letter."""

from __future__ import annotations

import pickletools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.kl import are_probabilities, kl_divergence, softmax


def _probabilities(seed: int, rows: int, classes: int, sharpness: float = 3.0) -> np.ndarray:
    return softmax(sharpness * np.random.default_rng(seed).standard_normal((rows, classes)))


def test_is_torchs_kl_div() -> None:
    """stable-audio-metrics: F.kl_div((ref + 1e-6).log(), generated, reduction='sum'), also where p is 0."""
    torch = pytest.importorskip("torch")
    p, q = _probabilities(0, 20, 527), _probabilities(1, 20, 527)
    p[0] = 0.0
    p[0, 3] = 1.0
    q[1] = 0.0
    q[1, 5] = 1.0
    ours = kl_divergence(p, q)
    for row in range(20):
        logged = (torch.from_numpy(q[row]) + 1e-6).log()
        theirs = torch.nn.functional.kl_div(logged, torch.from_numpy(p[row]), reduction="sum")
        assert ours[row] == pytest.approx(float(theirs), rel=1e-12, abs=1e-14)


@given(st.integers(0, 10**6), st.integers(2, 600), st.floats(0.1, 8))
@settings(deadline=None, max_examples=40)
def test_identity_is_just_under_zero(seed: int, classes: int, sharpness: float) -> None:
    """The 1e-6 leaves at most -1e-6 per class, as the published identity floor of -0.0005 for 527 shows."""
    p = _probabilities(seed, 1, classes, sharpness)
    assert -1e-6 * classes <= float(kl_divergence(p, p)[0]) <= 0


@given(st.integers(0, 10**6), st.integers(2, 100))
@settings(deadline=None, max_examples=40)
def test_is_not_symmetric_and_not_under_its_floor(seed: int, classes: int) -> None:
    p, q = _probabilities(seed, 1, classes), _probabilities(seed + 1, 1, classes)
    assert float(kl_divergence(p, q)[0]) >= -1e-6 * classes


def test_the_direction_is_generated_from_reference() -> None:
    """The other direction is another metric: a generated class that the reference lacks must cost much."""
    sure, spread = np.array([0.999, 0.001]), np.array([0.5, 0.5])
    assert kl_divergence(spread, sure) > 2
    assert kl_divergence(sure, spread) < 0.7


def test_what_is_no_distribution_is_refused() -> None:
    """Logits taken for probabilities would give a number that means nothing."""
    good = np.array([0.25, 0.75])
    for bad in (np.array([2.0, -1.0]), np.array([0.2, 0.2]), np.array([np.nan, 1.0])):
        assert not are_probabilities(bad)
        with pytest.raises(ValueError, match="probabilities"):
            kl_divergence(bad, good)
    with pytest.raises(ValueError, match="differ"):
        kl_divergence(good, np.array([0.2, 0.3, 0.5]))


def test_softmax_of_huge_logits_is_finite() -> None:
    assert softmax(np.array([1000.0, 0.0])).tolist() == [1.0, 0.0]


def _published(path: Path) -> np.ndarray:
    """The rows of a published pickle, (entries, 527), read without unpickling: the last 527 floats of each
    bytes constant."""
    constants = [value for _, value, _ in pickletools.genops(path.read_bytes()) if isinstance(value, bytes)]
    return np.stack([np.frombuffer(each[-2108:], "<f4") for each in constants if len(each) > 2108])


@pytest.mark.parametrize(
    ("name", "entries", "identity", "chance"),
    [("song_describer", 1106, -0.000513, 0.740), ("song_describer-nosinging", 586, -0.000512, 0.802)],
)
def test_anchors_of_the_published_references(
    esc10: Path, name: str, entries: int, identity: float, chance: float
) -> None:
    """The floor and the chance level that the manual tells readers, from stable-audio-metrics' own files."""
    file = f"{name}__collectmean__reference_probabilities.pkl"
    path = esc10.parent / "stable-audio-metrics" / "load" / "passt_kld" / file
    if not path.is_file():
        pytest.skip(f"no {path}")
    rows = _published(path)
    assert rows.shape == (entries, 527)
    assert kl_divergence(rows, rows).mean() == pytest.approx(identity, abs=1e-6)
    p = rows.astype(np.float64)
    every = (p * np.log(p)).sum(axis=1)[:, None] - p @ np.log(p + 1e-6).T  # [generated, reference]
    assert (every.sum() - np.trace(every)) / (entries * (entries - 1)) == pytest.approx(chance, abs=0.001)
    np.testing.assert_allclose(kl_divergence(rows[1:], rows[:-1]), np.diagonal(every, -1), rtol=1e-9)
