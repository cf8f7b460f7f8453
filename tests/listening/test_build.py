"""`evalkit listen`: everything that stands against a study is told before any sound is made, and no name gets out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import evalkit.listening.make as make_module
from evalkit.listening.study import read_key

Make = Callable[..., Path]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def recorded_runs(make_run: Make, tmp_path: Path) -> list[Path]:
    """Two runs that name reference recordings of two of their prompts."""
    folder = tmp_path / "reference"
    folder.mkdir()
    rng, files = np.random.default_rng(0), {}
    for key in ("dog-once", "rain-soft"):
        soundfile.write(folder / f"{key}.wav", 0.1 * rng.standard_normal((16_000, 1)), 16_000)
        files[key] = [f"{key}.wav", hashlib.sha256((folder / f"{key}.wav").read_bytes()).hexdigest()]

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["recordings"] = {"folder": str(folder), "files": files}

    return [make_run(name, seed=seed, change=change) for seed, name in enumerate(("model-alpha", "model-beta"))]


def texts(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("kind", ["mos", "ab", "mushra"])
@pytest.mark.parametrize("out", ["study", "study.html"])
def test_no_name_or_digest_of_a_run_is_in_what_listeners_get(
    kind: str, out: str, recorded_runs: list[Path], evalkit: Call, tmp_path: Path
) -> None:
    code, told, _ = evalkit(
        "listen", *map(str, recorded_runs), "--kind", kind, "--prompts", "2", "--out", f"share/{out}"
    )
    assert code == 0
    assert "seed: 0" in told
    shared = tmp_path / "share" / out
    key = tmp_path / "share" / "study.key.json"
    files = texts(shared) if shared.is_dir() else {shared.name: shared.read_bytes()}
    assert key.is_file()
    assert not [name for name in files if "key" in name]
    study, secret = read_key(key)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for run in recorded_runs for path in run.rglob("*.wav")]
    words = ["alpha", "beta", "stable-audio", secret, "low_3500", str(tmp_path), "7d1f", *digests]
    for name, content in files.items():
        for word in [*words, *(prompt.id for prompt in study.prompts if "-" in prompt.id)]:
            assert word.encode() not in content, f"{word} in {name}"
            assert word not in name
    if shared.is_dir():
        infos = [soundfile.info(shared / name) for name in files if name.endswith(".flac")]
        assert {(info.samplerate, info.channels, info.subtype) for info in infos} == {(48_000, 2, "PCM_16")}


def test_the_same_command_makes_the_same_study_and_another_one_is_kept_from_it(
    make_run: Make, evalkit: Call, tmp_path: Path
) -> None:
    """Answers that have come back are worth nothing once the codes of their study are gone."""
    runs = [str(make_run(name, seed=seed)) for seed, name in enumerate(("one", "two"))]
    command = ["listen", *runs, "--prompts", "2", "--out", "s"]
    assert evalkit(*command)[0] == 0
    before = texts(tmp_path / "s") | {"key": (tmp_path / "s.key.json").read_bytes()}
    assert evalkit(*command)[0] == 0
    assert texts(tmp_path / "s") | {"key": (tmp_path / "s.key.json").read_bytes()} == before
    code, _, err = evalkit(*command, "--seed", "3")
    assert code == 2
    assert "is the key of another study" in err
    assert texts(tmp_path / "s") | {"key": (tmp_path / "s.key.json").read_bytes()} == before


def other_suite(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    facts["suite"] |= {"name": "other", "digest": "cd" * 32}


def no_audio(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    for row in rows:
        row["audio"] = None


def test_all_that_stands_against_a_study_is_told_at_once(make_run: Make, evalkit: Call, tmp_path: Path) -> None:
    one, two = make_run("one"), make_run("two", change=other_suite)
    code, _, err = evalkit(
        "listen",
        str(one),
        str(two),
        "--scales",
        "qualty,loud",
        "--listeners",
        "0",
        "--post",
        "http://x.org/",
        "--out",
        "s",
    )
    assert code == 2
    for told in (
        "different suites",
        "did you mean quality",
        "no scale is called 'loud'",
        "--listeners is 0",
        "not https",
    ):
        assert told in err
    assert not list(tmp_path.glob("s*"))


@pytest.mark.parametrize(
    ("change", "options", "told"),
    [
        (None, ["--kind", "mushra"], "no run names any"),
        (None, ["--prompts", "8"], "only 7 of 8 prompts have a sound in every run, --prompts asks for 8"),
        (no_audio, [], "only 0 of 8 prompts have a sound in every run"),
        (None, ["--ratings-per-clip", "9", "--listeners", "5"], "--ratings-per-clip is 9, expected 1 to 5"),
        (None, ["--kind", "mushra", "--scales", "alignment"], "MUSHRA asks for quality alone"),
        (None, ["--detect", "0"], "--detect is 0"),
    ],
)
def test_what_no_study_can_be_made_of_is_refused_before_anything_is_written(
    change: Any, options: list[str], told: str, make_run: Make, evalkit: Call, tmp_path: Path
) -> None:
    runs = [str(make_run("one")), str(make_run("two", seed=1, change=change))]
    code, _, err = evalkit("listen", *runs, *options, "--out", "s")
    assert code == 2
    assert told in err
    assert not list(tmp_path.glob("s*"))


def test_one_run_alone_or_twice_is_no_comparison(make_run: Make, evalkit: Call) -> None:
    run = str(make_run("one"))
    assert "compares 2 to 20" in evalkit("listen", run)[2]
    code, _, err = evalkit("listen", run, run)
    assert code == 2
    assert "is named twice" in err


def test_a_sound_that_was_changed_after_it_was_scored_is_in_no_study(
    make_run: Make, evalkit: Call, tmp_path: Path
) -> None:
    one, two = make_run("one"), make_run("two", seed=1)
    for number in (0, 1):
        soundfile.write(two / "audio" / f"item-{number}.wav", np.zeros((100, 1)), 16_000)
    code, _, err = evalkit("listen", str(one), str(two), "--out", "s")
    assert code == 2
    for key in ("dog-once", "rain-soft"):
        assert f"prompt '{key}' not shown: the file has changed" in err
    assert not (tmp_path / "s.key.json").exists()


def test_a_foreign_folder_is_not_written_into(make_run: Make, evalkit: Call, tmp_path: Path) -> None:
    runs = [str(make_run(name, seed=seed)) for seed, name in enumerate(("one", "two"))]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    code, _, err = evalkit("listen", *runs, "--out", "mine")
    assert code == 2
    assert "no key of a study beside it" in err


def test_the_size_that_a_difference_takes_is_said(make_run: Make, evalkit: Call) -> None:
    runs = [str(make_run(name, seed=seed)) for seed, name in enumerate(("one", "two"))]
    code, out, _ = evalkit("listen", *runs, "--listeners", "10", "--ratings-per-clip", "5", "--detect", "1", "--json")
    assert code == 0
    facts = json.loads(out)
    assert "2 models x 7 prompts, 10 listeners of 6-8 screens each; every clip gets 5 ratings" in facts["told"][0]
    assert "0.4 between raters" in facts["told"][1]
    assert "to see 1 points (1 to 5) takes 2 ratings each: 4 listeners" in facts["told"][2]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "https://a b",
        "https://x.org/;script-src *",
        "https://u:p@x.org",
        "//x.org",
        "https://x.org'",
    ],
)
def test_an_address_that_would_mean_more_in_a_policy_is_refused(address: str, make_run: Make, evalkit: Call) -> None:
    runs = [str(make_run(name, seed=seed)) for seed, name in enumerate(("one", "two"))]
    code, _, err = evalkit("listen", *runs, "--post", address)
    assert code == 2
    assert "is no plain address" in err


def test_a_hostile_prompt_stays_text(make_run: Make, evalkit: Call, tmp_path: Path) -> None:
    prompts = [("p", "</script><script>alert(1)</script><!-- \u2028", ["x"])]
    runs = [str(make_run(name, seed=seed, prompts=prompts)) for seed, name in enumerate(("one", "two"))]
    assert evalkit("listen", *runs, "--out", "s")[0] == 0
    page = (tmp_path / "s" / "index.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    assert "alert(1)</script" not in page
    assert "<!--" not in page


def test_a_build_that_was_stopped_is_ended_by_the_same_command(
    make_run: Make, evalkit: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sounds without a page and without a key would be a folder that evalkit itself calls foreign."""
    runs = [str(make_run(name, seed=seed)) for seed, name in enumerate(("one", "two"))]
    coded, left = make_module.flac_bytes, [3]

    def stopped(samples: Any, rate: int) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return coded(samples, rate)

    monkeypatch.setattr(make_module, "flac_bytes", stopped)
    assert evalkit("listen", *runs, "--out", "s")[0] == 130
    key = (tmp_path / "s.key.json").read_bytes()
    monkeypatch.setattr(make_module, "flac_bytes", coded)
    assert evalkit("listen", *runs, "--out", "s")[0] == 0
    assert (tmp_path / "s" / "index.html").is_file()
    assert json.loads(key)["secret"] == read_key(tmp_path / "s.key.json")[1], "under the codes that it had"


@pytest.mark.parametrize("out", ["s", "s.html"])
def test_sounds_are_the_same_however_many_are_coded_at_once(
    out: str, make_run: Make, evalkit: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [str(make_run(name, seed=seed)) for seed, name in enumerate(("one", "two"))]
    assert evalkit("listen", *runs, "--prompts", "3", "--out", out)[0] == 0
    page = tmp_path / out
    before = texts(page) if page.is_dir() else {"": page.read_bytes()}
    monkeypatch.setattr(make_module, "_MOST_THREADS", 1)
    assert evalkit("listen", *runs, "--prompts", "3", "--out", out)[0] == 0
    assert (texts(page) if page.is_dir() else {"": page.read_bytes()}) == before
