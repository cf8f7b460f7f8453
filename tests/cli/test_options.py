"""Options of generation as typed: starting from a sound, a negative prompt, and those that would have no effect."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Answer = tuple[int, str, str]
QUICK = ("generate", "--model", "stable-audio-mini", "--suite", "mini", "--limit", "1", "--set", "steps=1")


def test_a_run_from_a_sound_is_a_run_of_its_own(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    """The options are in the run's record, and the sound's bytes in its identity."""
    soundfile.write(tmp_path / "start.wav", 0.3 * np.sin(np.arange(16000) / 9), 16000)
    options = ("--init", "start.wav", "--set", "init_noise_level=2", "--set", "negative_prompt=rain", "--json")
    code, out, err = evalkit(*QUICK, *options)
    assert code == 0, err
    told = json.loads(out)
    assert told["n_ok"] == 1
    record = json.loads((Path(told["run"]) / "run.json").read_text())
    assert "start.wav" in json.dumps(record)
    assert "rain" in json.dumps(record)
    soundfile.write(tmp_path / "start.wav", 0.3 * np.sin(np.arange(16000) / 5), 16000)
    assert json.loads(evalkit(*QUICK, *options)[1])["run_id"] != told["run_id"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--init", "none.wav"), "none.wav"),
        (("--set", "init_noise_level=2"), "without init_audio"),
        (("--set", "negative_promt=rain"), "negative_prompt"),
        (("--set", "sampler=euler"), "velocities"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(
    evalkit: Callable[..., Answer], words: tuple[str, str], named: str
) -> None:
    code, _, err = evalkit(*QUICK, *words)
    assert code == 2
    assert named in err
    assert "Traceback" not in err
