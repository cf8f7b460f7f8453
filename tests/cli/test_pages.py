"""A page shows its run's present scores: not those of before, not those of a run that is being redone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import evalkit_fakes
import pytest

from evalkit.report.made_of import made_of_runs, named_in

MOODY = "evalkit_fakes:Moody"
Redone = Callable[..., tuple[Any, str]]


@pytest.fixture
def suite(tmp_path: Path) -> str:
    return str(evalkit_fakes.write_suite(tmp_path / "suite", [(f"p{place}", "a dog", 0.5) for place in range(5)]))


@pytest.fixture
def words(suite: str) -> tuple[str, ...]:
    return ("run", "--model", MOODY, "--suite", suite, "--out", "out")


@pytest.fixture
def redone(typed: Any, begun: Any, words: tuple[str, ...], tmp_path: Path) -> Redone:
    """A finished run of which a sound was lost, and which is now being made again: (the process, its old figure)."""

    def start(delay: str = "3") -> tuple[Any, str]:
        first = json.loads(typed(*words, "--json").stdout)
        old = f"{first['scores']['evalkit_fakes:MATCH']['value']:.6f}"[:5]
        (tmp_path / "out" / "audio" / "p2.wav").unlink()
        process = begun(*words, MOODY_DELAY=delay)
        until(lambda: json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "started")
        return process, old

    return start


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_report_made_while_the_run_works_is_not_the_finished_runs_page(
    redone: Redone, typed: Any, tmp_path: Path
) -> None:
    process, old = redone()
    during = typed("report", "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert process.poll() is None, "the run must still be at work"
    assert during.returncode == 0 and "not finished" in during.stdout and old not in during.stdout
    assert "not finished: it is being worked on" in page and old not in page
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    after = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert old in after and old in out and "not finished" not in after
    assert named_in(tmp_path / "out" / "report.html") == made_of_runs([tmp_path / "out"])


def test_a_killed_run_shows_no_figures_of_before_anywhere(redone: Redone, typed: Any, tmp_path: Path) -> None:
    typed("check", "out", "--baseline", "none.json")
    process, old = redone("30")
    process.kill()
    process.wait()
    assert (tmp_path / "out" / "scores.json").is_file(), "the old figures lie there still"
    told = [typed("report", "out"), typed("report", "out", "--json")]
    told += [typed("check", "out", "--baseline", "b.json", "--save"), typed("check", "out", "--baseline", "b.json")]
    assert [each.returncode for each in told] == [0, 0, 2, 2]
    for each in told:
        assert "not finished" in each.stdout + each.stderr and old not in each.stdout + each.stderr
    (record,) = json.loads(told[1].stdout)["scores"]
    assert record["kind"] == "unfinished" and record["value"] is None and not (tmp_path / "b.json").exists()
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert old not in page and "not finished" in page


def test_a_page_is_kept_to_the_byte_while_its_run_stays_as_it_is(
    typed: Any, words: tuple[str, ...], tmp_path: Path
) -> None:
    page = tmp_path / "out" / "report.html"
    typed(*words)
    first = page.stat().st_mtime_ns, page.read_bytes()
    typed(*words)
    assert (page.stat().st_mtime_ns, page.read_bytes()) == first
    typed("report", "out", "--audio", "none")
    chosen = page.read_bytes()
    typed(*words)
    assert page.read_bytes() == chosen != first[1], "a page of these scores that somebody chose is theirs"
    for foreign in (b"<!doctype html> a page of another version", b""):
        page.write_bytes(foreign)
        typed(*words)
        assert page.read_bytes() == first[1]


def test_a_joint_page_is_made_again_when_one_of_its_runs_changed(typed: Any, suite: str, tmp_path: Path) -> None:
    words = ("run", "--model", f"{MOODY},mock", "--suite", suite, "--out", "both")
    page = tmp_path / "both" / "report.html"
    typed(*words)
    first = page.stat().st_mtime_ns
    typed(*words)
    assert page.stat().st_mtime_ns == first
    runs = sorted(path.parent for path in (tmp_path / "both").glob("*/run.json"))
    typed("report", str(runs[0]), "--out", "both/report.html")
    typed(*words)
    assert page.stat().st_mtime_ns != first and named_in(page) in {made_of_runs(runs), made_of_runs(runs[::-1])}


def test_scores_that_are_not_the_runs_own_are_not_shown(typed: Any, words: tuple[str, ...], tmp_path: Path) -> None:
    typed(*words)
    scores = tmp_path / "out" / "scores.json"
    scores.write_text(scores.read_text().replace('"n": 5', '"n": 6'))
    done = typed("report", "out")
    assert "its scores are not those that it ended with" in done.stdout
    again = typed(*words)
    assert "nothing to do" not in again.stdout
    assert "not finished" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
