"""A gate's history: every check is one line more, nothing is lost, and its page shows where it went and when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evalkit_gate import changed, record, write_run
from evalkit_git import repository

HOSTILE = "</script><script>alert(1)</script>\x1b[31m"


@pytest.fixture
def history(typed: Any, tmp_path: Path) -> Path:
    """Three checks, of which the last one fails."""
    write_run(tmp_path / "base", record(noise=0.01, seed=1))
    for seed, shift in ((2, 0.0), (3, 0.0), (4, 0.6)):
        write_run(tmp_path / f"r{seed}", record(shift=shift, noise=0.01, seed=seed))
        words = ("check", f"r{seed}", "--baseline", "base", "--history", "gate.jsonl")
        done = typed(*words, **({"GITHUB_SHA": "abc123"} if seed == 2 else {}), GITHUB_STEP_SUMMARY="")
        assert done.returncode == int(shift > 0), done.stderr
    return tmp_path / "gate.jsonl"


def test_each_check_is_a_line_with_what_it_judged(history: Path) -> None:
    lines = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    assert [line["verdict"] for line in lines] == ["pass", "pass", "fail"]
    assert lines[0]["commit"] == "abc123" and lines[0]["metrics"]["kl_passt"]["verdict"] == "pass"
    assert lines[2]["metrics"]["kl_passt"]["verdict"] == "worse" and lines[2]["metrics"]["fd_openl3"]["low"] is not None


def test_the_page_has_a_picture_per_metric_and_every_check(typed: Any, history: Path, tmp_path: Path) -> None:
    done = typed("trend", "gate.jsonl", "--out", "t.html")
    page = (tmp_path / "t.html").read_bytes()
    assert done.returncode == 0 and "page: t.html (3 checks)" in done.stdout
    assert page.count(b'<svg class="chart trend"') == 3 and b"abc123" in page and page.count(b"bad-dot") >= 3
    assert b"http" not in page.replace(b"http-equiv", b"") and page.count(b"<script") == 1, "the theme's, no other"
    typed("trend", "gate.jsonl", "--out", "u.html")
    assert (tmp_path / "u.html").read_bytes() == page


def test_strange_lines_are_counted_and_do_nothing(typed: Any, history: Path, tmp_path: Path) -> None:
    good = json.loads(history.read_text(encoding="utf-8").splitlines()[0])
    odd: list[object] = [
        [], 3, {}, {**good, "schema": 2}, {**good, "metrics": 3}, {**good, "metrics": {"m": 3}},
        {**good, "model": HOSTILE, "commit": HOSTILE, "verdict": HOSTILE, "metrics": {HOSTILE: {"value": 1e308}}},
        {**good, "metrics": {"kl_passt": {"value": "x", "low": []}}},
    ]  # fmt: skip
    torn = '{"schema": 1, "kind": "evalkit-h'
    history.write_text(history.read_text() + "\n".join([*map(json.dumps, odd), torn]), encoding="utf-8")
    done = typed("trend", "gate.jsonl", "--json")
    page = (tmp_path / "trend.html").read_text(encoding="utf-8")
    assert done.returncode == 0 and json.loads(done.stdout)["strange"] == 6, done.stderr
    assert "<script>alert" not in page and "\x1b" not in page
    write = typed("check", "r2", "--baseline", "base", "--history", "gate.jsonl")
    assert write.returncode == 0
    assert json.loads(history.read_text().splitlines()[-1])["verdict"] == "pass", "a torn line costs itself alone"


@pytest.mark.parametrize("words", [("trend", "nowhere"), ("trend", "base"), ("trend", "gate.jsonl", "--out", "base")])
def test_what_cannot_be_read_or_written_is_one_line(typed: Any, history: Path, words: tuple[str, ...]) -> None:
    done = typed(*words)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_the_commit_of_the_folder_is_kept_with_whether_files_differ(typed: Any, tmp_path: Path) -> None:
    """Without the variables of a CI; and none is none, outside of a repository."""
    write_run(tmp_path / "base", changed(record(noise=0.01, seed=1), "fd_openl3", se=1.5))
    words = ("check", "base", "--baseline", "base", "--history", "gate.jsonl")
    plain = {"GITHUB_SHA": "", "CI_COMMIT_SHA": "", "GITHUB_STEP_SUMMARY": ""}
    assert typed(*words, **plain).returncode == 0
    head = repository(tmp_path)
    assert typed(*words, **plain).returncode == 0
    (tmp_path / "code.py").write_text("2\n")
    assert typed(*words, **plain).returncode == 0
    assert typed(*words, **{**plain, "GITHUB_SHA": "f" * 40}).returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "gate.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["commit"], line["dirty"]) for line in lines] == [
        ("", None), (head, False), (head, True), ("f" * 40, None)
    ]  # fmt: skip
    assert (lines[0]["metrics"]["fd_openl3"]["se"], lines[0]["metrics"]["kl_passt"]["se"]) == (1.5, None)
    assert typed("trend", "gate.jsonl").returncode == 0
    page = (tmp_path / "trend.html").read_text(encoding="utf-8")
    assert f"{head[:12]} + changes" in page and f'title="{head}"' in page and "<bdi>none</bdi>" in page
    assert f"<title>2 · {head[:12]} · " in page
