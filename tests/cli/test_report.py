"""`evalkit report` writes the page, prints the table, and names what is no run folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evalkit.cli.main import build
from evalkit.core.errors import UserError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    score = {"value": 3.25, "low": 3.0, "high": 3.5, "level": 0.95, "n": 8, "n_failed": 0, "direction": "lower"}
    facts = {"run_id": "r", "status": "success", "suite": {"name": "mini", "size": "mini"}, "model": {"name": "m"}}
    (folder / "run.json").write_text(json.dumps(facts))
    (folder / "scores.json").write_text(json.dumps({"kl_passt": score}))
    return folder


def test_the_page_lands_in_the_run_folder_and_the_table_is_printed(run: Path) -> None:
    done = CliRunner().invoke(build(("report", "metrics")), ["report", str(run)])
    assert done.exit_code == 0, done.output
    assert (run / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "3.25 [3.00, 3.50]" in done.output


def test_json_is_for_machines(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    done = CliRunner().invoke(build(("report", "metrics")), ["report", str(run), "--out", str(out), "--json"])
    found = json.loads(done.output)
    assert found["report"] == str(out)
    assert found["scores"][0]["value"] == 3.25


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(build(("report", "metrics")), ["report", str(tmp_path)])
    assert isinstance(done.exception, UserError)
    assert "not a run folder" in str(done.exception)


def test_published_figures_can_be_left_out(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalkit.report import published

    asked = []
    monkeypatch.setattr(published, "shipped", lambda: asked.append(1) or ())
    for words, times in (((), 1), (("--no-published",), 1)):
        done = CliRunner().invoke(build(("report", "metrics")), ["report", str(run), *words])
        assert done.exit_code == 0, done.output
        assert len(asked) == times


@pytest.mark.parametrize(
    ("form", "part"),
    [("latex", "\\begin{table}"), ("md", "| run |"), ("csv", "suite,version"), ("json", "schema_version")],
)
def test_a_format_goes_to_stdout_or_to_a_file_and_no_page_is_written(
    run: Path, tmp_path: Path, form: str, part: str
) -> None:
    app, out = build(("report", "metrics")), tmp_path / "table"
    told = CliRunner().invoke(app, ["report", str(run), "--format", form])
    assert told.exit_code == 0, told.output
    assert part in told.stdout
    CliRunner().invoke(app, ["report", str(run), "--format", form, "--out", str(out)])
    assert out.read_bytes().decode("utf-8").splitlines() == told.stdout.splitlines()
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("words", [["--plus-minus"], ["--format", "md", "--further"], ["--format", "csv", "--json"]])
def test_options_that_would_do_nothing_are_refused_before_the_work(run: Path, words: list[str]) -> None:
    done = CliRunner().invoke(build(("report", "metrics")), ["report", str(run), *words])
    assert isinstance(done.exception, UserError)
    assert not (run / "report.html").exists()


def test_slices_are_printed_and_an_unknown_one_ends_before_the_work(run: Path) -> None:
    app = build(("report", "metrics"))
    told = CliRunner().invoke(app, ["report", str(run), "--by", "words"])
    assert told.exit_code == 0, told.output
    assert "nothing is sliced by words" in told.output
    page = run / "report.html"
    page.unlink()
    assert isinstance(CliRunner().invoke(app, ["report", str(run), "--by", "lables"]).exception, UserError)
    assert not page.exists()
