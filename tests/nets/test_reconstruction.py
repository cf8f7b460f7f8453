"""The distances of the autoencoder tables against auraloss (golden/), and what they do where it matters."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from evalkit.nets.reconstruction import mel_distance, si_sdr, stft_distance

sys.path.insert(0, str(Path(__file__).parent))
from reconstruction_cases import KINDS, RATES, pair

sys.path.pop(0)

GOLDEN = json.loads((Path(__file__).parent / "golden" / "reconstruction.json").read_text())


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_are_auralosss(kind: str, rate: int) -> None:
    """They stand beside the papers' tables, which were made with it."""
    decoded, original = pair(kind, rate)
    wanted = GOLDEN[f"{kind} {rate}"]
    assert float(stft_distance(decoded, original)) == pytest.approx(wanted["stft_distance"], rel=2e-5)
    assert float(mel_distance(decoded, original, rate)) == pytest.approx(wanted["mel_distance"], rel=2e-5)
    assert float(si_sdr(decoded, original)) == pytest.approx(wanted["si_sdr"], rel=2e-5, abs=1e-4)


def test_the_same_sound_is_at_no_distance() -> None:
    _, original = pair("close", 16000)
    assert float(stft_distance(original, original)) == float(mel_distance(original, original, 16000)) == 0
    assert float(si_sdr(original.double(), original.double())) > 90


def test_level_and_offset_do_not_count_in_si_sdr_and_do_elsewhere() -> None:
    decoded, original = pair("far", 16000)
    assert float(si_sdr(0.5 * decoded + 0.1, original)) == pytest.approx(float(si_sdr(decoded, original)), abs=1e-3)
    assert float(stft_distance(0.5 * original, original)) > 0.5


def test_swapped_channels_count() -> None:
    _, original = pair("close", 44100)
    assert float(si_sdr(original.flip(0), original)) < 0


def test_silence_gives_a_finite_distance() -> None:
    _, original = pair("close", 16000)
    assert torch.isfinite(stft_distance(torch.zeros_like(original), original))
    assert torch.isfinite(mel_distance(torch.zeros_like(original), original, 16000))
    assert float(si_sdr(torch.zeros_like(original), original)) < -50
