"""evalkit beside an original, from the command line: within its bounds, or found out.

The original is a stub here, which shows the mechanism; `test_live.py` has the packages themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evalkit.audio.encode import wav_bytes

Evalkit = Callable[..., tuple[int, str, str]]
Stub = Callable[..., None]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Four short sounds, and three that cannot be compared."""
    folder = tmp_path / "clips"
    folder.mkdir()
    rng = np.random.default_rng(1)
    sounds = {f"noise_{rate}": (rng.uniform(-0.5, 0.5, (1, rate // 2)), rate) for rate in (16000, 32000, 44100, 48000)}
    sounds |= {"silent": (np.zeros((1, 8000)), 16000), "six": (rng.uniform(-0.5, 0.5, (6, 8000)), 16000)}
    for name, (samples, rate) in sounds.items():
        (folder / f"{name}.wav").write_bytes(wav_bytes(samples.astype(np.float32), rate))
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


def test_the_same_chain_in_another_process_is_within(evalkit: Evalkit, stub: Stub, clips: Path) -> None:
    """The table with its bounds, every clip, what was left out and why, and loudly that the weights are seeded."""
    stub()
    code, out, err = evalkit("verify", "--against", "originals", "--clips", str(clips))
    assert code == 0, err
    assert "within" in out and "differs" not in out and "3 of 3 within their bounds" in out
    assert all(f"noise_{rate}.wav" in out for rate in (16000, 32000, 44100, 48000))
    assert "left out: silent.wav: is silent" in out and "left out: six.wav: has 6 channels" in out
    assert "broken.wav" in out
    assert "seeded weights: proves the code, not the file" in out


PLANTED = {
    "another resampling": {
        "before": "openl3.resample_kaiser_best = lambda samples, rate, to: openl3.resample(samples, rate, to)"
    },
    "one weight": {"after": "next(net.parameters()).data.view(-1)[0] += 0.05"},
    "another level": {"before": "openl3.PEAK_DBFS = -2.0"},
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_planted_error_is_found(evalkit: Evalkit, stub: Stub, clips: Path, planted: dict[str, str]) -> None:
    """One side's chain is another in one place: the verdict is "differs", and the exit code 1."""
    stub(**planted)
    code, out, err = evalkit("verify", "openl3-env", "--against", "originals", "--clips", str(clips), "--json")
    assert code == 1, err
    found = json.loads(out)
    assert not found["ok"]
    assert {row["quantity"]["name"] for row in found["rows"] if row["verdict"] == "differs"} >= {"frames"}
    assert found["weights"][0]["seeded"] is True


STRANGE = {
    "fewer frames": ('arrays["frames-1"] = arrays["frames-1"][:-1]', "shape 1 x 1024 here, 0 x 1024 there"),
    "NaN": ('arrays["frames-2"][0, 0] = float("nan")', "NaN or infinity from the original"),
    "no distance": ('del arrays["distance"]', "the original did not tell it"),
}


@pytest.mark.parametrize(("answer", "reason"), STRANGE.values(), ids=STRANGE)
def test_what_cannot_be_compared_differs(evalkit: Evalkit, stub: Stub, clips: Path, answer: str, reason: str) -> None:
    """An answer of another shape or without a number must not count as agreement."""
    stub(answer=answer)
    code, out, _ = evalkit("verify", "--against", "originals", "--clips", str(clips))
    assert code == 1 and "differs: openl3-env, " in out and reason in out


FAILS = {
    "dies": ("import os; os._exit(7)", "its process ended with 7"),
    "raises": ('raise OSError("no such layer")', "no such layer"),
    "leaves a clip out": ('del arrays["frames-3"]', "did not answer for every clip"),
    "answers out of its folder": ('arrays["../../x"] = 1.0', "something else than was asked"),
}


@pytest.mark.parametrize(("answer", "reason"), FAILS.values(), ids=FAILS)
def test_an_original_that_fails_is_one_line(
    evalkit: Evalkit, stub: Stub, clips: Path, answer: str, reason: str
) -> None:
    stub(answer=answer)
    code, _, err = evalkit("verify", "--against", "originals", "--clips", str(clips))
    last = err.strip().splitlines()[-1]
    assert code == 2 and "stub" in last and reason in last and "Traceback (most" not in err.splitlines()[0]


WRONG = {
    "an unknown judge": (["openl3-mini", "--against", "originals"], "openl3-mini"),
    "another comparison": (["--against", "papers"], "no comparison is called 'papers'"),
    "weights of nothing": (["--against", "originals", "--weights", "passt=clips"], "passt is not compared"),
    "weights of another kind": (["--against", "originals", "--weights", "openl3-env=clips"], "end in .h5 or .gz"),
    "a folder of too few": (["--against", "originals", "--clips", "few"], "at least 4 are needed"),
    "an option that does nothing": (["--against", "originals", "--record"], "--against goes without"),
    "clips for nothing": (["--clips", "clips"], "--clips goes with --against"),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_before_the_work(
    evalkit: Evalkit, stub: Stub, clips: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    stub(before='raise SystemExit("must not be started")')
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "one.wav").write_bytes((clips / "noise_16000.wav").read_bytes())
    code, _, err = evalkit("verify", *words)
    assert code == 2 and told in err and not (tmp_path / "home" / "originals").exists()
