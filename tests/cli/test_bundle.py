"""`score --about`, `bundle`, and `report` on a bundle: a system that cannot be run here, passed on as one file."""

from __future__ import annotations

import json
from pathlib import Path

import evalkit_fakes
import numpy as np
import pytest
import soundfile

from .conftest import Typed

WORDS = {"a": "a dog", "b": "rain"}


@pytest.fixture
def scored(tmp_path: Path, typed: Typed) -> Path:
    suite = evalkit_fakes.write_suite(tmp_path / "suite", [(key, text, 0.5) for key, text in WORDS.items()])
    (tmp_path / "sounds").mkdir()
    for number, key in enumerate(WORDS):
        noise = np.random.default_rng(number).normal(0, 0.1, 8000)
        soundfile.write(tmp_path / "sounds" / f"{key}.wav", noise, 16000)
    (tmp_path / "system.toml").write_text('system = "Far Away"\nterms = "CC0"\n[settings]\nsteps = 25\n')
    done = typed("score", "sounds", "--suite", str(suite), "--about", "system.toml", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "Far Away on suite tiny" in done.stdout and "are said to be of Far Away" in done.stderr
    return tmp_path / "run"


def test_a_system_elsewhere_is_on_the_board_by_its_name_and_passed_on_as_one_file(scored: Path, typed: Typed) -> None:
    facts = json.loads((scored / "run.json").read_text())
    assert facts["about"] == {"system": "Far Away", "terms": "CC0", "settings": {"steps": 25}}
    assert facts["model"]["licence"] == "CC0"
    done = typed("bundle", "run", "--out", "far.evalkit.zip", "--json")
    assert json.loads(done.stdout) == {"bundle": "far.evalkit.zip", "rows": 2, "sounds": 2}
    (scored.parent / "sounds").rename(scored.parent / "gone")
    shown = typed("report", "far.evalkit.zip")
    assert shown.returncode == 0 and "Far Away" in shown.stdout, shown.stderr
    page = (scored.parent / "far.evalkit.html").read_text()
    assert page.count("data:audio/webm") == 2 and "steps: 25" in page and "its numbers are those that" in page


def test_a_bundle_that_was_changed_is_refused_in_one_line(scored: Path, typed: Typed) -> None:
    assert typed("bundle", "run", "--out", "far.zip").returncode == 0
    data = (scored.parent / "far.zip").read_bytes()
    (scored.parent / "far.zip").write_bytes(data.replace(b"Far Away", b"Far Awry"))
    done = typed("report", "far.zip")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "far.zip: cannot be read as a bundle: Bad CRC-32 for file 'run.json'" in done.stderr


def test_one_description_for_several_folders_is_refused(tmp_path: Path, typed: Typed) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    done = typed("score", "a", "b", "--suite", "mini", "--about", "x.toml")
    assert done.returncode == 2 and "--about goes with one FOLDER" in done.stderr


def test_a_bundle_is_checked_as_its_run_is_on_either_side(scored: Path, typed: Typed) -> None:
    assert typed("bundle", "run", "--out", "far.zip").returncode == 0
    assert typed("check", "far.zip", "--baseline", "b.json", "--save").returncode == 0
    plain = typed("check", "run", "--baseline", "b.json", "--json")
    for side in (("far.zip", "b.json"), ("run", "far.zip"), ("far.zip", "far.zip")):
        done = typed("check", side[0], "--baseline", side[1], "--json")
        assert done.returncode == plain.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert (found["run"], found["baseline"]) == side
        assert found["metrics"] == json.loads(plain.stdout)["metrics"]
    (scored.parent / "far.zip").write_bytes((scored.parent / "far.zip").read_bytes()[:-30])
    for side in (("far.zip", "b.json"), ("run", "far.zip")):
        done = typed("check", side[0], "--baseline", side[1])
        assert done.returncode == 2 and "far.zip: cannot be read as a bundle" in done.stderr
        assert done.stderr.count("\n") == 1
