"""The inputs that others tried evalkit with: each gives what FFmpeg or its arithmetic says.

They lie beside the ESC-10 recordings (`esc10` of conftest.py); where they do not, each is skipped. What an encoder
leaves is made anew in `test_encoders.py`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evalkit.audio.decode import decode
from evalkit.audio.level import loudness

Evalkit = Callable[..., tuple[int, str, str]]

SAMPLES = {
    "vbr_no_xing_2s.mp3": 89_856,
    "cbr_no_xing_2s.mp3": 89_856,
    "sox_default_2s.mp3": 89_856,
    "two_joined_4s.mp3": 179_759,
    "two_joined_2s.ogg": 32_000,
    "no_end_mark_1s.ogg": 16_000,
    "piped_unknown_length_1s.flac": 16_000,
    "size_off_by_44_1s.wav": 16_000,
    "unfinalised_size_0_1s.wav": 16_000,
}


@pytest.fixture
def trials(esc10: Path) -> Path:
    folder = esc10.parent / "trials" / "audio"
    if not folder.is_dir():
        pytest.skip(f"no trials at {folder}")
    return folder


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_is_read_whole(name: str, trials: Path) -> None:
    clip = decode(trials / name)
    assert clip.samples.shape == (1, SAMPLES[name])
    assert np.abs(clip.samples[:, -clip.rate // 2 :]).max() > 0.2, "its loud end"


def test_a_low_rate_has_its_loudness(trials: Path) -> None:
    clip = decode(trials / "rate_3000.wav")
    assert loudness(clip.samples, clip.rate) == pytest.approx(-23.8, abs=0.05)


@pytest.mark.parametrize("name", ["clotho_ids", "nfd_ids"])
def test_ids_that_nearly_fit_have_their_audio(name: str, trials: Path, evalkit: Evalkit, tmp_path: Path) -> None:
    shutil.copytree(trials / name, tmp_path / name)
    code, out, err = evalkit("score", f"{name}/audio", "--suite", f"{name}/s.toml")
    assert code == 0 and "2 of 2 prompts have audio" in out, err


def test_copies_of_a_reference_change_nothing(trials: Path, evalkit: Evalkit, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    subprocess.run([sys.executable, str(trials / "make_duplicate_reference.py")], cwd=made, check=True)
    scores = {}
    for name in ("ref1", "ref6"):
        code, out, err = evalkit("score", "made/gen", "--suite", f"made/{name}.toml", "--out", name)
        assert code == 0, err
        told = json.loads((tmp_path / name / "scores.json").read_text())
        scores[name] = {metric: told[metric]["value"] for metric in told}
        assert ("100 of 120 reference recordings are copies" in out) == (name == "ref6")
    assert scores["ref1"] == pytest.approx(scores["ref6"], abs=1e-6)
    assert scores["ref1"]["density_openl3"] == pytest.approx(0.95, abs=0.01)
    assert scores["ref1"]["coverage_openl3"] == 1
