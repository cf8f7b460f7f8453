"""What machines read: today's files are as `reports/schema/` says, and yesterday's still load."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import evalkit
from evalkit.comparison.record import read_run as read_side
from evalkit.report.board import boards
from evalkit.report.formats import FORMATS, SCHEMA_VERSION
from evalkit.report.latex import Style
from evalkit.report.published import Figure
from evalkit.report.records import read_run, read_runs
from evalkit.report.slice_forms import SLICE_FORMATS
from evalkit.report.slice_forms import records as slice_records
from evalkit.run import baseline

Make = Callable[..., Path]
SCHEMAS = Path(__file__).parents[2] / "reports" / "schema"
EARLIER = sorted(path for path in (Path(__file__).parents[1] / "earlier").iterdir() if path.is_dir())


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def report_of(runs: list[Path], figures: list[Figure]) -> Any:
    return json.loads(FORMATS["json"].write(boards(read_runs(runs), figures), Style()))


def unfinished(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    facts["status"] = "started"


def test_the_report_is_as_its_schema_says(make_run: Make, full_run: Any, figure: Figure, with_further: Any) -> None:
    """Headline, further, published, unfinished and missing values: every kind of record."""
    runs = [make_run(size="full", change=full_run), make_run("b", fd=None, change=with_further)]
    found = report_of([*runs, make_run("c", change=unfinished)], [figure])
    validator("report").validate(found)
    assert {record["kind"] for record in found["scores"]} == {"headline", "further", "published", "unfinished"}
    assert found["schema_version"] == SCHEMA_VERSION


def test_every_field_that_is_written_is_described(make_run: Make) -> None:
    schema = json.loads((SCHEMAS / "report.schema.json").read_text(encoding="utf-8"))
    described = list(schema["properties"]["scores"]["items"]["properties"])
    assert list(report_of([make_run()], [])["scores"][0]) == described
    header = next(csv.reader(io.StringIO(FORMATS["csv"].write(boards(read_runs([make_run("d")])), Style()))))
    assert header == described
    assert tables_of_the_readme()[0] == described


def tables_of_the_readme() -> list[list[str]]:
    """The names in each of the README's tables of columns."""
    parts = (SCHEMAS / "README.md").read_text(encoding="utf-8").split("| column | name |")[1:]
    return [[line.split("`")[1] for line in part.splitlines() if line[:3].strip("| ").isdigit()] for part in parts]


def with_genres(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """A column of the prompt file, and values whose mean is the metric's."""
    values = [row["kl_passt"] for row in rows if row["kl_passt"] is not None]
    scores["kl_passt"] |= {"value": sum(values) / len(values), "n": len(values)}
    for place, row in enumerate(rows):
        row["prompt[genre]"] = ["rock", "jazz", "=1+1", None][place // 3]


def test_slices_are_as_their_schema_says_in_json_and_csv(make_run: Make) -> None:
    """Of two runs, with a slice in which all failed and one that is too small."""
    runs = [make_run(name, fail=("helicopter", "fire-baby"), change=with_genres) for name in "ab"]
    found = json.loads(SLICE_FORMATS["json"](boards(read_runs(runs)), "genre"))
    validator("slices").validate(found)
    schema = json.loads((SCHEMAS / "slices.schema.json").read_text(encoding="utf-8"))
    described = list(schema["properties"]["slices"]["items"]["properties"])
    assert {tuple(row) for row in found["slices"]} == {tuple(described)}
    assert {row["too_few"] for row in found["slices"]} == {True}
    assert any(row["value"] is None and row["n_failed"] == 2 for row in found["slices"])
    rows = list(csv.DictReader(io.StringIO(SLICE_FORMATS["csv"](boards(read_runs(runs)), "genre"))))
    assert list(rows[0]) == described == tables_of_the_readme()[1] and len(rows) == len(found["slices"])


@pytest.mark.parametrize("change", [{"schema_version": 2}, {"slices": [{}]}, {"tables": None}])
def test_the_schema_refuses_what_are_no_slices(make_run: Make, change: dict[str, Any]) -> None:
    found = json.loads(SLICE_FORMATS["json"](boards(read_runs([make_run(change=with_genres)])), "genre"))
    assert not validator("slices").is_valid(found | change)


@pytest.mark.parametrize("path", sorted(EARLIER[0].parent.glob("*/slices.json")), ids=lambda path: path.parent.name)
def test_slices_of_earlier_versions_are_still_as_the_schema_says(path: Path) -> None:
    """Of the same runs, today's have the same fields with the same values, and more."""
    before = json.loads(path.read_text(encoding="utf-8"))
    validator("slices").validate(before)
    days = [path.parent, EARLIER[EARLIER.index(path.parent) - 1]]
    (board,) = boards(read_runs([day / "run" for day in days]))
    for now, row in zip(slice_records(board, "labels"), before["slices"], strict=True):
        assert {key: now[key] for key in row} == pytest.approx(row)


@pytest.mark.parametrize("change", [{"schema_version": 2}, {"scores": [{}]}, {"tables": None}])
def test_the_schema_refuses_what_is_no_report(make_run: Make, change: dict[str, Any]) -> None:
    assert not validator("report").is_valid(report_of([make_run()], []) | change)


@pytest.mark.parametrize("day", EARLIER, ids=lambda day: day.name)
def test_files_of_earlier_versions_load_and_are_as_the_schemas_say(day: Path) -> None:
    for name, path in (("run", "run/run.json"), ("scores", "run/scores.json"), ("baseline", "baseline.json")):
        validator(name).validate(json.loads((day / path).read_text(encoding="utf-8")))
    record = read_run(day / "run")
    assert record.side is not None, "as a side of a comparison too"
    assert len(record.items) == 8
    validator("report").validate(report_of([day / "run"], []))


@pytest.mark.parametrize("day", EARLIER, ids=lambda day: day.name)
@pytest.mark.parametrize("base", EARLIER, ids=lambda day: day.name)
def test_check_judges_a_run_by_a_baseline_of_another_version(day: Path, base: Path) -> None:
    """The same model and seed, so no metric that both have may be called worse."""
    found = evalkit.check(day / "run", baseline=base / "baseline.json")
    assert baseline.read_baseline(base / "baseline.json").suite == read_side(day / "run").suite
    assert not [each for each in found.comparisons if each.verdict == "worse"]
