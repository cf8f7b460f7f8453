"""Which of several runs is better, and on which prompts: told in words, by the arithmetic of board and gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalkit_fakes
import pytest

HOSTILE = "</script><script>alert(1)</script>\x1b[31m"


@pytest.fixture
def runs(typed: Any, tmp_path: Path) -> list[str]:
    """Three runs of one suite, the third with other sounds."""
    rows = [(f"p{place}", f"a sound of {place} {HOSTILE if place == 3 else ''}", 0.5) for place in range(8)]
    suite = str(evalkit_fakes.write_suite(tmp_path / "suite", rows))
    for seed in "012":
        done = typed("run", "--model", "mock", "--suite", suite, "--seed", seed, "--out", f"r{seed}", "--no-report")
        assert done.returncode == 0, done.stderr
    return ["r0", "r1", "r2"]


def test_every_two_runs_are_compared_by_prompt_and_p_is_adjusted(typed: Any, runs: list[str], tmp_path: Path) -> None:
    done = typed("compare", *runs, "--json", "--metric", "evalkit_fakes:LEVEL")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [each["key"] for each in found["runs"]] == ["A", "B", "C"]
    between = [(each["second"], each["first"]) for each in found["comparisons"]]
    assert between == [("B", "A"), ("C", "A"), ("C", "B")]
    for each in found["comparisons"]:
        assert each["method"] == "paired" and each["p_adjusted"] >= each["p"]
        scores = [
            json.loads((tmp_path / f"r{'ABC'.index(each[k])}" / "scores.json").read_text()) for k in ("second", "first")
        ]
        new, old = (score["evalkit_fakes:LEVEL"]["value"] for score in scores)
        assert each["difference"] == pytest.approx(new - old)
        steps = list(each["most_fallen"].values())
        assert len(steps) == 8 and steps == sorted(steps) and sum(steps) / 8 == pytest.approx(each["difference"])


def test_the_terminal_says_what_minus_what_and_which_side_is_better(typed: Any, runs: list[str]) -> None:
    done = typed("compare", runs[0], runs[1], "--metric", "evalkit_fakes:LEVEL")
    assert done.returncode == 0 and done.stdout.startswith("A  mock")
    assert "B − A: the prompts that moved most (higher is better)" in done.stdout
    assert "not separated" in done.stdout or "is better" in done.stdout
    assert "\x1b" not in done.stdout and "alert(1)" in done.stdout


def test_the_page_has_the_differences_and_both_players(typed: Any, runs: list[str], tmp_path: Path) -> None:
    done = typed("compare", *runs[:2], "--metric", "evalkit_fakes:LEVEL", "--out", "c.html")
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert done.returncode == 0 and "page: c.html" in done.stdout
    assert '<h2 id="differences-title">' in page and "B − A" in page and page.count("<audio ") >= 8
    assert "<script>alert" not in page


def test_a_bundle_is_a_run_and_what_cannot_be_compared_says_why(typed: Any, runs: list[str], tmp_path: Path) -> None:
    assert typed("bundle", "r0", "--out", "r0.zip").returncode == 0
    facts = tmp_path / "r1" / "run.json"
    told = json.loads(facts.read_text())
    told["suite"]["version"] = "2"
    facts.write_text(json.dumps(told))
    done = typed("compare", "r0.zip", "r2", "--metric", "evalkit_fakes:LEVEL")
    assert done.returncode == 0 and "n/a" not in done.stdout.splitlines()[4], done.stdout
    other = typed("compare", "r0", "r1", "--metric", "evalkit_fakes:LEVEL")
    assert other.returncode == 0 and "not comparable: another suite version: 2, the first has 1" in other.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("r0",), "name two or more"),
        (("r0", "r0"), "are one run"),
        (("r0", "nowhere"), "nowhere"),
        (("r0", "r1", "--metric", "clap"), "metric of these runs"),
        (("r0", "r1", "--out", "r0"), "r0: is a folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(typed: Any, runs: list[str], words: tuple[str, ...], told: str) -> None:
    done = typed("compare", *words)
    assert done.returncode == 2 and told in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
