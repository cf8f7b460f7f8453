"""`evalkit compare --by`: in which slices of the prompts two runs differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evalkit_gate import IDS, N, changed, record, write_run
from typer.testing import CliRunner

from evalkit.cli.main import build
from evalkit.core.errors import UserError

GENRES = ["rock" if place % 2 else "jazz \x1b[31m</b>" for place in range(N)]


def typed(*words: str) -> Any:
    return CliRunner().invoke(build(("compare", "metrics")), ["compare", *words])


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    """Two runs, of which the second is worse on rock."""
    one, other = record(noise=0.05, seed=1), record(noise=0.05, seed=2)
    values = other.metrics["kl_passt"]["per_prompt"]
    worse = {key: values[key] + (GENRES[at] == "rock") for at, key in enumerate(IDS)}
    other = changed(other, "kl_passt", per_prompt=worse, value=sum(worse.values()) / N)
    further = {"prompt[genre]": GENRES, "prompt[bpm]": [float(place) for place in range(N)]}
    return [str(write_run(tmp_path / name, side, further=further)) for name, side in (("a", one), ("b", other))]


def test_each_slice_says_whether_they_differ_there(runs: list[str]) -> None:
    done = typed(*runs, "--by", "genre")
    assert done.exit_code == 0, done.output
    rock = next(line for line in done.stdout.splitlines() if line.startswith("kl_passt") and "rock" in line)
    assert "A is better" in rock and "B − A" in rock and "30" in rock
    assert "not compared by slice, as no mean of prompts: fd_openl3" in done.stdout
    assert "adjusted by Holm for all 4 comparisons" in done.stdout and "\x1b" not in done.stdout


def test_the_json_has_every_slice_and_its_notes(runs: list[str]) -> None:
    found = json.loads(typed(*runs, "--by", "bpm", "--metric", "kl_passt", "--json").stdout)
    assert (found["by"], found["kind"]) == ("bpm", "number")
    assert [each["slice"] for each in found["comparisons"]] == ["0 to 14", "15 to 29", "30 to 44", "45 to 59"]
    assert all(each["n"] == 15 and each["p_adjusted"] >= each["p"] for each in found["comparisons"])
    assert any("quantiles" in note for note in found["notes"])


def test_an_unknown_column_is_one_line_before_any_page(runs: list[str], tmp_path: Path) -> None:
    done = typed(*runs, "--by", "gnre", "--out", str(tmp_path / "c.html"))
    assert isinstance(done.exception, UserError) and "did you mean genre?" in done.exception.hint
    assert not (tmp_path / "c.html").exists()


def test_runs_of_two_suites_have_no_slices_in_common(runs: list[str], tmp_path: Path) -> None:
    other = record()
    other = write_run(tmp_path / "c", type(other)(**{**vars(other), "suite": {**other.suite, "digest": "e" * 64}}))
    done = typed(*runs, str(other), "--by", "words")
    assert isinstance(done.exception, UserError) and "several suites" in done.exception.message
