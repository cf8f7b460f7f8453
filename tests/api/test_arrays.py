"""Arrays and tensors in: the same numbers as from files, and what cannot be meant is refused by name, all at once."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import evalkit
from evalkit.api.arrays import samples_of, written
from evalkit.audio.decode import decode

RATE = 16_000
PROMPTS = {"rain": "rain on a roof", "../a dog": "a dog", "Wind": "wind"}


@pytest.fixture(scope="module")
def sounds() -> dict[str, np.ndarray]:
    """(channels, samples) float32; one sound goes beyond full scale, and one holds NaN."""
    draws = np.random.default_rng(0)
    made = {name: draws.normal(0, 0.3, (2, RATE)).astype(np.float32) for name in PROMPTS}
    made["Wind"][0, 5] = np.nan
    return made


def test_arrays_score_like_files(sounds: dict[str, np.ndarray], tmp_path: Path) -> None:
    """To the bit, for ids that are no file names too, whichever way round the array lies and whatever it is."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name, file in {"rain": "rain.wav", "../a dog": "a-dog~x.wav", "Wind": "Wind.wav"}.items():
        from evalkit.core.ids import safe_name

        stem = safe_name(name) if "/" in name else Path(file).stem
        soundfile.write(folder / f"{stem}.wav", sounds[name].T, RATE, subtype="FLOAT")
    files = evalkit.score(folder, prompts=PROMPTS, judges="mini", device="cpu")
    given = {
        "rain": (torch.from_numpy(sounds["rain"]), RATE),
        "../a dog": (sounds["../a dog"].T.astype(np.float64), float(RATE)),
        "Wind": (sounds["Wind"], np.int64(RATE)),
    }
    arrays = evalkit.score(given, prompts=PROMPTS, judges="mini", device="cpu", name="my model")
    assert {name: each.value for name, each in arrays.scores.items()} == {
        name: each.value for name, each in files.scores.items()
    }
    assert arrays.failures == files.failures == {"Wind": "nonfinite"} and arrays.scores["clap_score"].n == 2
    samples, rate = arrays.audio("../a dog")
    assert rate == RATE and np.array_equal(samples, sounds["../a dog"])
    assert evalkit.score(given, prompts=PROMPTS, judges="mini", device="cpu", name="my model").reused


def test_a_reference_may_be_arrays_too(sounds: dict[str, np.ndarray]) -> None:
    """Six different sounds are a set; their ids pair them."""
    draws = np.random.default_rng(1)
    prompts = {f"p{number}": f"noise {number}" for number in range(6)}
    real = {name: (draws.normal(0, 0.2, (2, RATE)).astype(np.float32), RATE) for name in prompts}
    made = {name: (draws.normal(0, 0.1, RATE).astype(np.float32), RATE) for name in prompts}
    run = evalkit.score(made, prompts=prompts, reference=real, judges="mini", device="cpu")
    assert run.scores["fd_openl3"].n_reference == run.scores["kl_passt"].n_reference == 6
    assert run.scores["kl_passt"].value is not None


@pytest.mark.parametrize(
    ("shape", "channels"),
    [((100,), 1), ((1, 100), 1), ((2, 100), 2), ((100, 2), 2), ((6, 100), 6), ((2, 0), 2), ((0,), 1), ((1, 4), 1)],
)
def test_channels_are_the_shorter_side(shape: tuple[int, ...], channels: int) -> None:
    assert samples_of(np.zeros(shape, np.float16), "x").shape[0] == channels


@pytest.mark.parametrize("shape", [(), (50, 60), (4, 5), (1, 2, 100), (100, 9)])
def test_what_could_be_either_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(evalkit.UserError, match=r"x: has shape"):
        samples_of(np.zeros(shape, np.float32), "x")


def test_all_that_is_wrong_is_told_at_once() -> None:
    good = np.zeros((1, 100), np.float32)
    bad = {
        "whole": ((good * 3).astype(np.int16), RATE),
        "both": (np.zeros((50, 60)), RATE),
        "slow": (good, 3),
        "text": "sound.wav",
    }
    with pytest.raises(evalkit.UserError) as raised:
        evalkit.score(bad, prompts={name: name for name in bad})
    assert all(name in str(raised.value) for name in bad) and "32768" in str(raised.value)
    assert not Path("runs").exists()


def test_what_lands_is_the_array() -> None:
    sound = np.random.default_rng(0).normal(0, 2, (2, 50)).astype(np.float32)
    folder = written({"a#1": (sound, RATE), "a": (sound, RATE)}, "m", samples=2)
    assert sorted(path.name for path in folder.iterdir()) == ["a.s1.wav", "a.wav"]
    assert np.array_equal(decode(folder / "a.s1.wav").samples, sound)


def test_a_hostile_run_folder_shows_no_markup(tmp_path: Path) -> None:
    """A run folder may come from anybody, and a notebook shows it as HTML."""
    evil = "<script>alert(1)</script>\x1b[31m"
    run = evalkit.run("mock", limit=2, out=tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    facts["model"]["name"] = facts["suite"]["name"] = facts["size"] = evil
    facts["finished"] = {}
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    scores[evil] = {**scores["fd_openl3"], "warnings": [evil], "direction": evil}
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts))
    (tmp_path / "run" / "scores.json").write_text(json.dumps(scores))
    found = evalkit.load(tmp_path / "run")
    shown = found._repr_html_()
    assert "<script" not in shown and "\x1b" not in shown and "<script>" in unescape(shown)
    assert "\x1b" not in repr(found) and run.run_id == found.run_id
