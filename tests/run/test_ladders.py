"""`evalkit metrics test`: what ladders say of metrics on real recordings, and what is refused before any work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import evalkit as package
from evalkit.core.errors import UserError
from evalkit.core.resources import resource
from evalkit.run.ladders import Trial, measure
from evalkit.run.progress import Lines

Evalkit = Callable[..., tuple[int, str, str]]
RATE = 16_000

OWN = """
from evalkit.metrics.base import MetricCard, MetricResult
class Loud:
    card = MetricCard(name="loud", title="Loud", direction="none", unit="LUFS", family="sound", reference="",
        text=False, citation="", blind_to="", hears={"gain": "down"}, deaf_to=(CLAIM,))
    def compute(self, inputs):
        values = {i: float(f[0, 3]) for i, f in zip(inputs.ids, inputs.features)}
        return MetricResult(sum(values.values()) / len(values), None, None, 0.95, "none", len(values), 0, values)
METRIC = Loud()
"""


def cards(told: str) -> dict[str, dict[str, Any]]:
    """{metric: {ladder: what is said of it}}."""
    return {each["metric"]: {rung["ladder"]: rung for rung in each["ladders"]} for each in json.loads(told)["cards"]}


def recordings(folder: Path, count: int = 6) -> Path:
    folder.mkdir()
    for place in range(count):
        sound = np.random.default_rng(place).normal(0, 0.05, RATE) * np.linspace(0, 1, RATE)
        soundfile.write(folder / f"hiss-{chr(97 + place)}.wav", sound, RATE)
    return folder


def test_two_metrics_on_two_ladders_of_what_ships(evalkit: Evalkit, tmp_path: Path) -> None:
    """The whole way: table, picture, JSON."""
    words = ("--ladder", "low_pass", "--ladder", "captions", "--limit", "8", "--judges", "mini", "--out", "cards")
    code, out, err = evalkit("metrics", "test", "bandwidth", "clap_score", *words, "--json")
    assert code == 0, err
    found = cards(out)
    low, wrong = found["bandwidth"]["low_pass"], found["clap_score"]["captions"]
    assert low["verdict"] == "heard" and low["rho"] == -1 and low["steps"][-1]["value"] < 1500
    assert wrong["verdict"] == "heard" and wrong["rho"] == -1
    assert wrong["steps"][0]["low"] < wrong["steps"][0]["value"] < wrong["steps"][0]["high"]
    assert found["bandwidth"]["captions"]["verdict"] == "not heard"
    assert json.loads((tmp_path / "cards" / "bandwidth.json").read_text())["n"] == 8
    picture = (tmp_path / "cards" / "clap_score.svg").read_text()
    assert picture.startswith("<svg") and picture.count("<polyline") == 2 and "clap-mini" in picture
    again = evalkit("metrics", "test", "bandwidth", "--ladder", "low_pass", "--limit", "8")[1]
    assert "heard, down" in again and "8 recordings" in again


def test_a_metric_of_ones_own_on_sounds_of_ones_own_is_held_to_its_claims(evalkit: Evalkit, tmp_path: Path) -> None:
    recordings(tmp_path / "mine")
    words = ("--data", "mine", "--ladder", "gain", "--ladder", "reversed", "--ladder", "mono")
    (tmp_path / "own.py").write_text(OWN.replace("CLAIM", "'reversed'"))
    code, out, err = evalkit("metrics", "test", "own.py:METRIC", *words, "--json")
    assert code == 0, err
    found = cards(out)["loud"]
    assert found["gain"]["verdict"] == "heard" and found["gain"]["claim"] == "down"
    assert found["reversed"]["verdict"] == "not heard" and found["reversed"]["claim"] == "still"
    assert found["mono"]["verdict"] == "" and found["mono"]["told"] == "the recordings are mono already"
    (tmp_path / "lies.py").write_text(OWN.replace("{'gain': 'down'}", "{}").replace("CLAIM", "'crop'"))
    code, out, _ = evalkit(
        "metrics", "test", "lies.py:METRIC", "--data", "mine", "--ladder", "gain", "--ladder", "crop"
    )
    assert code == 1 and "loud claims that it stays as it is under crop" in out


def test_without_a_reference_a_set_is_compared_half_by_half_and_a_pair_with_itself(
    evalkit: Evalkit, tmp_path: Path
) -> None:
    recordings(tmp_path / "mine", 8)
    words = ("--data", "mine", "--ladder", "captions", "--judges", "mini", "--json")
    code, out, err = evalkit("metrics", "test", "kl_passt", "is_passt", *words)
    assert code == 0, err
    kl, inception = json.loads(out)["cards"]
    assert kl["against"] == "each recording itself" and kl["ladders"][0]["steps"][0]["value"] == pytest.approx(
        0, abs=1e-4
    )
    assert inception["against"] == "nothing" and inception["ladders"][0]["rho"] is None


def test_all_that_is_wrong_is_told_before_the_work(evalkit: Evalkit, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = evalkit(
        "metrics", "test", "nobody", "fad_vggish", "--judges", "full", "--data", "empty", "--ladder", "nois",
        "--limit", "0",
    )  # fmt: skip
    assert code == 2
    for said in ("no metric is called 'nobody'", "weights vggish are not here", "empty: holds no audio",
                 "no ladder is called 'nois'", "--limit 0"):  # fmt: skip
        assert said in err
    assert "to do" not in err


def test_the_sounds_tried_are_no_reference_and_one_is_one(evalkit: Evalkit, tmp_path: Path) -> None:
    recordings(tmp_path / "mine", 1)
    words = ("metrics", "test", "bandwidth", "--data", "mine", "--ladder", "gain")
    code, out, err = evalkit(*words)
    assert code == 0 and "on 1 recording:" in out and "1 recording is few" in out and "1 recordings" not in out + err
    soundfile.write(tmp_path / "mine" / "hush.wav", np.zeros(RATE), RATE)
    code, _, err = evalkit(*words)
    assert code == 2 and "1 of 2 recordings cannot be used: 'hush.wav' (silent)" in err
    assert "reference recording" not in err and "no_reference" not in err


def test_a_family_without_a_chosen_judge_is_judged_by_its_mini(evalkit: Evalkit, tmp_path: Path) -> None:
    """Where the others are minis; weights that somebody gives come before."""
    recordings(tmp_path / "mine", 2)
    words = ("metrics", "test", "kl_panns", "--data", "mine", "--ladder", "captions", "--json")
    code, out, err = evalkit(*words)
    assert code in (0, 1) and json.loads(out)["cards"][0]["judge"] == "panns-mini", err
    code, _, err = evalkit(*words, "--weights", "panns-32k=nowhere")
    assert code == 2 and "panns-32k=nowhere" in err


def test_captions_that_lack_are_told_and_not_needed_by_others(evalkit: Evalkit, tmp_path: Path) -> None:
    recordings(tmp_path / "mine", 8)
    code, _, err = evalkit("metrics", "test", "clap_score", "--data", "mine", "--judges", "mini")
    assert code == 2 and "clap_score compares with captions, and there are none" in err and "--prompts FILE" in err
    words = ("--data", "mine", "--ladder", "crop")
    code, out, _ = evalkit("metrics", "test", "duration_error", *words)
    assert code == 0 and "8 recordings are few" in out
    code, _, err = evalkit("metrics", "test", "duration_error", "--prompts", "names")
    assert code == 2 and "say --data FOLDER too" in err


def test_a_metric_that_fails_costs_itself_alone_and_says_why(evalkit: Evalkit, tmp_path: Path) -> None:
    recordings(tmp_path / "mine", 2)
    crash = OWN.replace("(CLAIM,)", "()").replace("values = {", "raise ValueError('boom'); values = {")
    (tmp_path / "crash.py").write_text(crash)
    words = ("--data", "mine", "--ladder", "gain", "--json")
    code, out, _ = evalkit("metrics", "test", "crash.py:METRIC", "loudness_lufs", *words)
    found = cards(out)
    assert code == 1 and "ValueError: boom" in found["loud"]["gain"]["told"] and not found["loud"]["gain"]["verdict"]
    assert found["loudness_lufs"]["gain"]["rho"] == -1


def test_words_of_another_form_are_refused(evalkit: Evalkit) -> None:
    assert evalkit("metrics", "test")[0] == 2
    assert evalkit("metrics", "bandwidth", "--limit", "3")[0] == 2
    assert evalkit("metrics", "check", "bandwidth", "side_mid")[0] == 2
    assert evalkit("metrics", "bandwidth", "side_mid")[0] == 2


def test_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "few"
    folder.mkdir()
    for path in sorted((resource("prompts") / "mini" / "takes").glob("*.ogg"))[:9]:
        shutil.copy(path, folder)
    (card,) = package.sensitivity("clipping_share", data=folder, ladders=["clipped"], device="cpu")
    assert card.ladders[0].verdict == "heard" and card.n == 9 and card.size == "none"
    with pytest.raises(package.UserError, match="no ladder is called 'clip'"):
        package.sensitivity("clipping_share", ladders=["clip"])


def test_a_metric_whose_judge_has_no_mini_of_its_name_is_tried_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`evalkit metrics test fd_passt` ended at a plain call, though the card that ships was made by a mini."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path))
    notes: list[str] = []
    progress = Lines(notes.append)
    cards = measure(Trial(["fd_passt", "fad_clap"], ladders=["gain"], limit=2), progress)
    assert [(card.judge, card.size) for card in cards] == [("passt@av-benchmark", "mini"), ("clap-music@fadtk", "mini")]
    assert any("passt-mini in its place" in note and "evalkit fetch weights passt" in note for note in notes)
    with pytest.raises(UserError, match=r"msclap-2023 are not here.*--weights"):
        measure(Trial(["clap_score_ms"], ladders=["gain"], limit=2), progress)
