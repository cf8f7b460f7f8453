"""evalkit beside an original, from the command line: within its bounds, or found out.

The original is a stub here, which shows the mechanism; `test_live.py` has the packages themselves.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.audio.encode import wav_bytes
from evalkit.originals import compare
from evalkit.originals.seeded import openl3

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


def test_one_that_fails_costs_itself_alone(
    evalkit: Evalkit, stub: Stub, clips: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After minutes of one original the table of another must not be lost; the exit code says that it is not whole."""
    stub()
    good = compare.ORIGINALS[0]
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "original.py").write_text("raise OSError('no library')")
    bad = replace(good, package="bad", judges=("openl3-music",), folder=folder)
    monkeypatch.setattr(compare, "ORIGINALS", (bad, good))
    code, out, err = evalkit("verify", "--against", "originals", "--clips", str(clips))
    assert code == 2 and "3 of 3 within their bounds; not compared: openl3-music" in out
    assert "openl3-music: bad: its process ended with 1: OSError: no library" in err


def test_a_family_s_name_stands_for_its_judges(evalkit: Evalkit, stub: Stub, clips: Path, tmp_path: Path) -> None:
    """As everywhere else: --weights openl3=FILE; the table names the file, and says nothing of a seed."""
    stub()
    path = openl3.save(tmp_path / "openl3_audio_mel256_env.h5", seed=5)
    words = ("--against", "originals", "--clips", str(clips), "--weights", f"openl3={path}")
    code, out, err = evalkit("verify", *words)
    assert code == 0, err
    assert str(path) in out and "seeded" not in out


def test_all_that_is_wrong_is_told_at_once(evalkit: Evalkit, stub: Stub, clips: Path, tmp_path: Path) -> None:
    """Names, weights and clips in one go."""
    stub(before='raise SystemExit("must not be started")')
    (tmp_path / "few").mkdir()
    words = ["--against", "originals", "--clips", "few"]
    code, _, err = evalkit("verify", *words, "--weights", "openl3-env=clips", "--weights", "clap_tokenizer=clips")
    told = ("few: holds no audio", "end in .h5 or .gz", "--weights clap_tokenizer: would have no effect")
    assert code == 2 and all(each in err for each in told)
    code, _, err = evalkit("verify", "openl3-evn", "pasts", *words, "--weights", "passt=nowhere.pt")
    told = ("few: holds no audio", "'openl3-evn'", "'pasts'", "nowhere.pt")
    assert code == 2 and all(each in err for each in told)
    assert not (tmp_path / "home" / "originals").exists()


def test_the_failures_of_all_are_told(
    evalkit: Evalkit, stub: Stub, clips: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An environment that cannot be made, and a disk that refuses: each is a line of its own, and --json has both."""
    stub()
    good = compare.ORIGINALS[0]
    unmade = tmp_path / "unmade"
    unmade.mkdir()
    (unmade / "requirements.txt").write_text("nothing==1.0 --hash=sha256:00\n")
    monkeypatch.setattr(
        compare, "ORIGINALS", (replace(good, package="unmade", judges=("openl3-music",), folder=unmade), good)
    )
    monkeypatch.setattr(compare.weights, "make", _full_disk)
    code, out, err = evalkit("verify", "--against", "originals", "--clips", str(clips), "--json")
    found = json.loads(out)
    assert code == 2 and not found["ok"] and found["rows"] == [] and found["weights"] == []
    assert (
        "openl3-music: " in err and "openl3-env: " in err and "No space left on device" in found["failed"]["openl3-env"]
    )


def test_a_bug_on_this_side_costs_its_judge_alone(
    evalkit: Evalkit, stub: Stub, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub()
    monkeypatch.setattr(compare, "ours", lambda embedder, sounds: 1 / 0)
    code, out, err = evalkit("verify", "--against", "originals", "--clips", str(clips))
    assert code == 2 and "openl3-env: failed: ZeroDivisionError" in err and "0 of 0 within their bounds" in out


def _full_disk(read: object, told: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "weights.h5")


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
    "weights of nothing": (
        ["--against", "originals", "--weights", "passt=clips"],
        "--weights passt: would have no effect",
    ),
    "weights of another kind": (["--against", "originals", "--weights", "openl3-env=clips"], "end in .h5 or .gz"),
    "a folder of too few": (["--against", "originals", "--clips", "few"], "at least 4 are needed"),
    "an option that does nothing": (["--against", "originals", "--record"], "--against goes without"),
    "another device": (["--against", "originals", "--device", "cuda"], "--against computes on a CPU"),
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
