"""The marks on a metric's scale: what stands on them is what their words say, and what has no value says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.audio.clip import Clip
from evalkit.audio.level import loudness
from evalkit.core.errors import UserError
from evalkit.report.board import boards
from evalkit.report.formats import document
from evalkit.report.records import read_runs
from evalkit.run.anchors import deranged, halves, low_passed, silent, white_noise
from evalkit.suites.anchors import kept_at
from evalkit.suites.base import Prompt

RATE = 44_100
Evalkit = Callable[..., tuple[int, str, str]]


def tone(frequency: float, seconds: float = 1.0) -> np.ndarray:
    return np.asarray(0.3 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE), dtype=np.float32)


def level(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(samples[:, RATE // 4 : -RATE // 4])))))


def test_the_low_pass_takes_what_is_above_3500_hz_and_leaves_the_rest() -> None:
    for frequency, loss in ((1000.0, (-0.1, 0.1)), (3500.0, (-0.1, 0.1)), (4500.0, (50.0, 200.0))):
        clip = Clip(tone(frequency)[None], RATE, "")
        assert loss[0] <= level(clip.samples) - level(low_passed(clip).samples) <= loss[1]
    narrow = Clip(np.zeros((1, 100), np.float32), 6000, "")
    assert np.array_equal(low_passed(narrow).samples, narrow.samples)


def test_noise_is_as_loud_as_its_recording() -> None:
    """By BS.1770, whatever the spectrum: noise of the same power as a hum is far louder than it."""
    for frequency in (60.0, 1000.0, 8000.0):
        clip = Clip(np.stack([tone(frequency), 0.5 * tone(frequency)]), RATE, "")
        noise = white_noise(clip)
        assert noise.samples.shape == clip.samples.shape
        assert loudness(noise.samples, RATE) == pytest.approx(loudness(clip.samples, RATE), abs=0.05)
        assert np.array_equal(noise.samples, white_noise(clip).samples)
    assert not silent(clip).samples.any()


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=3), st.sampled_from("abcdefgh"), max_size=40))
def test_halves_share_no_source_and_lose_nothing(sources: dict[str, str]) -> None:
    first, second = halves(sources)
    assert first | second == set(sources) and not first & second
    assert not {sources[name] for name in first} & {sources[name] for name in second}
    largest = max((list(sources.values()).count(name) for name in sources.values()), default=0)
    assert abs(len(first) - len(second)) <= largest


@given(st.lists(st.sampled_from("abcdef"), max_size=40))
def test_no_prompt_keeps_a_caption_of_its_own_source(groups: list[str]) -> None:
    prompts = [Prompt(str(place), "text", 1.0, group) for place, group in enumerate(groups)]
    if not groups or 2 * max(map(groups.count, groups)) > len(groups):
        with pytest.raises(UserError):
            deranged(prompts)
        return
    order = deranged(prompts)
    assert sorted(order) == list(range(len(prompts)))
    assert all(groups[place] != groups[other] for place, other in enumerate(order))


def write_suite(folder: Path, metrics: str) -> None:
    """Eight recordings of four sources, each with a prompt of its name."""
    rng = np.random.default_rng(0)
    (folder / "recordings").mkdir()
    rows = ["id,prompt,seconds,source"]
    for place in range(8):
        sound = tone(200.0 * (place + 1)) * np.float32(0.5) + rng.normal(0, 0.01 * (place + 1), RATE)
        soundfile.write(folder / "recordings" / f"p{place}.wav", sound, RATE)
        rows.append(f"p{place},a tone of {200 * (place + 1)} hertz,1,s{place // 2}")
    (folder / "own.csv").write_text("\n".join(rows) + "\n")
    (folder / "own.toml").write_text(
        'name = "own"\ntitle = "Own"\nversion = "1"\nprotocol = "own-1"\nsize = "mini"\n'
        'licence = "CC0"\ncitation = "-"\n'
        '[prompts]\nfile = "own.csv"\nid = "id"\ntext = "prompt"\nseconds = "seconds"\ngroup = "source"\n'
        f'[reference]\naudio = "recordings"\n{metrics}'
    )


METRICS = """
[metrics.fd_openl3]
weights = "openl3-mini"
[metrics.kl_passt]
weights = "passt-mini"
[metrics.clap_score]
weights = "clap-mini"
[metrics.bandwidth]
weights = "sound"
"""


def found(told: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(each["metric"], each["anchor"]): each for each in json.loads(told)["anchors"]}


@pytest.mark.slow
def test_a_suites_anchors_are_computed_kept_and_stand_beside_its_runs(evalkit: Evalkit, tmp_path: Path) -> None:
    """The whole way of a person with recordings of their own, and what each mark must be by what it is made of."""
    write_suite(tmp_path, METRICS)
    code, out, err = evalkit("suites", "anchors", "own.toml", "--device", "cpu", "--json")
    assert code == 0, err
    assert "embeddings by openl3-mini, passt-mini, clap-mini, sound" in err  # the cost, before the work
    marks = found(out)
    assert json.loads(out)["halves"] == "by the sources that the suite names"
    half = marks["fd_openl3", "halves"]
    assert half["value"] > 0 and (half["n"], half["n_reference"]) == (4, 4)
    assert ("fd_openl3", "recordings") not in marks and ("kl_passt", "recordings") not in marks
    assert marks["fd_openl3", "noise"]["value"] > marks["fd_openl3", "low_pass"]["value"] > 0
    assert marks["kl_passt", "shuffled"]["n"] == 8 and marks["kl_passt", "shuffled"]["value"] > 0
    assert marks["clap_score", "recordings"]["value"] != marks["clap_score", "shuffled"]["value"]
    assert marks["bandwidth", "low_pass"]["value"] < 6000 and marks["bandwidth", "silence"]["value"] == 0
    assert all(each["value"] is not None or each["told"] for each in marks.values())

    assert evalkit("score", "recordings", "--suite", "own.toml", "--device", "cpu", "--out", "a-run")[0] == 0
    told = document(boards(read_runs([tmp_path / "a-run"])))["scores"]
    rows = [row for row in told if row["kind"] == "anchor"]  # type: ignore[attr-defined]
    assert len(rows) == len(marks)
    _, out, _ = evalkit("report", "a-run", "--audio", "none")
    assert "a  references, half against half" in out
    assert 'class="anchor"' in (tmp_path / "a-run" / "report.html").read_text()
    assert "suite own 1" in evalkit("metrics", "fd_openl3")[1]


@pytest.mark.slow
def test_what_has_no_value_says_why(evalkit: Evalkit, tmp_path: Path) -> None:
    """Recordings that belong to no prompt: no wrong captions, and no NaN."""
    write_suite(tmp_path, "[metrics.fd_openl3]\nweights = 'openl3-mini'\n[metrics.clap_score]\nweights = 'clap-mini'\n")
    for place in range(8):
        (tmp_path / "recordings" / f"p{place}.wav").rename(tmp_path / "recordings" / f"other{place}.wav")
    code, out, err = evalkit("suites", "anchors", "own.toml", "--device", "cpu", "--json")
    assert code == 0, err
    marks = found(out)
    shuffled = marks["clap_score", "shuffled"]
    assert shuffled["value"] is None and shuffled["told"] == "no recording belongs to a prompt: they are a set"
    assert marks["fd_openl3", "halves"]["n"] == 4


def test_by_what_a_judge_without_weights_measures(evalkit: Evalkit, tmp_path: Path) -> None:
    write_suite(tmp_path, "[metrics.bandwidth]\nweights = 'sound'\n")
    code, out, err = evalkit("suites", "anchors", "own.toml", "--device", "cpu", "--json")
    assert code == 0, err
    marks = found(out)
    assert list(marks) == [("bandwidth", each) for each in ("recordings", "low_pass", "noise", "silence")]
    assert marks["bandwidth", "low_pass"]["value"] < 5000 < marks["bandwidth", "noise"]["value"]
    assert marks["bandwidth", "recordings"]["n"] == 8
    assert kept_at(json.loads(out)["suite"]["digest"]).is_file()


@pytest.mark.slow
def test_a_suite_of_statistics_alone_has_silence_and_says_the_rest(evalkit: Evalkit) -> None:
    code, out, err = evalkit("suites", "anchors", "mini", "--device", "cpu", "--json")
    assert code == 0, err
    marks = found(out)
    assert marks["kl_passt", "silence"]["value"] > 0
    assert marks["fd_openl3", "noise"]["value"] is None and "recordings" in marks["fd_openl3", "noise"]["told"]
    # What ships is not put out of the way by what could not be computed here.
    assert "references, half against half 11" in evalkit("metrics", "fd_openl3")[1]


def test_a_slip_of_the_keyboard_is_told(evalkit: Evalkit) -> None:
    assert evalkit("suites", "anchors")[0] == 2
    assert evalkit("suites", "mini", "--device", "cpu")[0] == 2
