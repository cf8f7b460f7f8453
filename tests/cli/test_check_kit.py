"""What a CI job has of `evalkit check`: demands in words, any run as the baseline, a page for the job, skips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from evalkit_gate import changed, record, write_run

from evalkit.cli.summary import STEP

HOSTILE = "a|b <script>alert(1)</script> @everyone [x](http://e) \x1b[31m"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """`base`, `same` and `worse`, three runs of the same prompts, and `blind`, whose FD is scattered."""
    write_run(tmp_path / "base", record(noise=0.01, seed=1))
    write_run(tmp_path / "same", record(noise=0.01, seed=2))
    write_run(tmp_path / "worse", record(shift=0.5, noise=0.01, seed=3))
    write_run(tmp_path / "blind", changed(record(noise=0.01, seed=4), "fd_openl3", low=40.0, high=162.0, value=101.0))
    return tmp_path


def test_a_run_folder_is_a_baseline(typed: Any, folders: Path) -> None:
    assert typed("check", "same", "--baseline", "base").returncode == 0
    done = typed("check", "worse", "--baseline", "base")
    assert done.returncode == 1 and "worse" in done.stdout and "baseline  base" in done.stdout


def test_demands_alone_are_judged_and_a_bound_needs_no_baseline(typed: Any, folders: Path) -> None:
    words = ("--gate", "kl_passt<=+30%", "--gate", "clap_score>=-0.9", "--json")
    found = json.loads(typed("check", "worse", "--baseline", "base", *words).stdout)
    assert list(found["metrics"]) == ["clap_score", "kl_passt"] and found["verdict"] == "pass"
    tight = typed("check", "worse", "--baseline", "base", "--gate", "kl_passt<=+2%")
    assert tight.returncode == 1
    bound = typed("check", "worse", "--gate", "fd_openl3<=100", "--gate", "fd_openl3>=10")
    assert bound.returncode == 1 and "bounds alone" in bound.stdout and "fd_openl3<=100" in bound.stdout
    assert typed("check", "base", "--gate", "fd_openl3<=120").returncode == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--gate", "fd_openl3<=+2%"), "--baseline is missing"),
        ((), "--baseline is missing"),
        (("--save",), "--baseline is missing"),
        (("--baseline", "base", "--gate", "fd_openl3>=-2%", "--gate", "fd<3"), "is no demand"),
        (("--baseline", "base", "--save", "--gate", "fd_openl3<=60"), "no effect beside --save"),
        (("--baseline", "base", "--summary", "base"), "is no file"),
    ],
)
def test_what_makes_no_sense_is_refused(typed: Any, folders: Path, words: tuple[str, ...], told: str) -> None:
    done = typed("check", "same", *words)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr


def test_the_summary_is_appended_and_goes_to_githubs_page_too(typed: Any, folders: Path, tmp_path: Path) -> None:
    write_run(tmp_path / HOSTILE.replace("/", "_").replace("\x1b", "e"), record(noise=0.01, seed=5))
    (tmp_path / "job.md").write_text("before\n", encoding="utf-8")
    for run, code in (("worse", 1), ("same", 0)):
        done = typed("check", run, "--baseline", "base", "--summary", "mine.md", **{STEP: str(tmp_path / "job.md")})
        assert done.returncode == code
    page, mine = ((tmp_path / name).read_text(encoding="utf-8") for name in ("job.md", "mine.md"))
    assert page == "before\n" + mine and mine.count("### evalkit check:") == 2
    assert (
        "### evalkit check: FAIL" in mine and "| ❌ worse |" in mine and mine.index("FAIL") < mine.index("check: pass")
    )
    assert all(line.count("|") == 9 for line in mine.splitlines() if line.startswith("|"))


def test_names_of_others_are_plain_words_in_a_summary(typed: Any, folders: Path, tmp_path: Path) -> None:
    facts = json.loads((tmp_path / "same" / "run.json").read_text())
    facts["model"]["name"] = HOSTILE
    (tmp_path / "same" / "run.json").write_text(json.dumps(facts))
    typed("check", "same", "--baseline", "base", "--summary", "s.md")
    told = (tmp_path / "s.md").read_text(encoding="utf-8")
    assert "<script>" not in told and "\\@everyone" in told and "\\[x\\]" in told and "\x1b" not in told


def test_what_cannot_be_told_is_skipped_in_junit_and_fails_where_it_is_strict(typed: Any, folders: Path) -> None:
    for strict, kinds in (((), {"skipped": "1", "failures": "0"}), (("--strict",), {"skipped": "0", "failures": "1"})):
        typed("check", "blind", "--baseline", "base", "--metric", "fd_openl3", "--junit", "j.xml", *strict)
        suite = ElementTree.parse(folders / "j.xml").getroot()
        assert {key: suite.get(key) for key in kinds} == kinds


def test_another_torch_or_device_is_said_and_kept_in_the_baseline(typed: Any, folders: Path) -> None:
    for name, torch, device in (("base", "2.12.0", "cpu"), ("same", "2.13.0", "cuda")):
        facts = json.loads((folders / name / "run.json").read_text())
        facts |= {"versions": {"torch": torch, "evalkit": "0.1.0"}, "device": device, "dtype": "float32"}
        (folders / name / "run.json").write_text(json.dumps(facts))
    assert typed("check", "base", "--baseline", "b.json", "--save").returncode == 0
    done = typed("check", "same", "--baseline", "b.json")
    assert done.returncode == 0, done.stderr
    assert "another torch than the baseline's: 2.13.0, there 2.12.0" in done.stdout
    assert "another device" in done.stdout and "another dtype" not in done.stdout


def test_prompts_that_are_all_equal_are_said(typed: Any, folders: Path, tmp_path: Path) -> None:
    flat = dict.fromkeys(record().groups, 0.5)
    write_run(tmp_path / "flat", changed(record(), "clap_score", value=0.5, per_prompt=flat, low=None, high=None))
    done = typed("check", "flat", "--baseline", "base", "--metric", "clap_score")
    assert "clap_score: every prompt of the run has the same value, 0.5" in done.stdout


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"value": None}, "has no value"), ({"n": 59}, "another n: 59"), ({"protocol": "p2"}, "another protocol"),
        ({"weights": "x" * 64}, "another weights"), ({"direction": "none"}, "better"), ({"se": -1.0}, "below zero"),
        ({"n_failed": 3}, "another n_failed"), ({"embedder": "other"}, "another embedder"),
    ],
)  # fmt: skip
def test_the_gate_drill_never_passes_in_silence(
    typed: Any, folders: Path, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    write_run(tmp_path / "odd", changed(record(noise=0.01, seed=2), "kl_passt", **change))
    for words in ((), ("--gate", "kl_passt<=+50%"), ("--metric", "kl_passt")):
        done = typed("check", "odd", "--baseline", "base", *words)
        assert done.returncode in (1, 2) and told in done.stdout + done.stderr, (words, done.stdout, done.stderr)
