"""A prompt file's further columns beside the sounds: carried to samples.parquet, and no part of what a run is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalkit_fakes
import pandas as pd
import pytest

from evalkit.report.records import read_run
from evalkit.run.config import RunConfig
from evalkit.run.pipeline import Outcome, run
from evalkit.run.plan import make_plan
from evalkit.run.progress import Silent
from evalkit.store.prompt_columns import columns_that_fit
from evalkit.store.tables import MOST_CELLS

HOSTILE = "status=cmd'"


class Noting(Silent):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def again(folder: Path, columns: str, **config: Any) -> tuple[Outcome, list[str]]:
    """The tiny suite with further columns in its file, run by the same words as `go`."""
    path = folder / "suite" / "tiny.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    added = [f"{line},{more}" for line, more in zip(lines, columns.splitlines(), strict=True)]
    path.write_text("\n".join(added) + "\n", encoding="utf-8")
    told = Noting()
    settings = {"model": "evalkit_fakes:Moody", "suite": str(folder / "suite" / "tiny.toml"), **config}
    return run(make_plan(RunConfig(**settings)), told), told.notes


def test_columns_land_beside_the_sounds_whatever_they_are_called(go: Any, tmp_path: Path) -> None:
    evalkit_fakes.write_suite(tmp_path / "suite", [(f"p{n}", text, 0.5) for n, text in enumerate(["a", "raise", "b"])])
    outcome, _ = again(tmp_path, f"status,{HOSTILE},evalkit_fakes:LEVEL,tags\nx,1,q,[]\nx,2,r,\"['u', 'v']\"\ny,,q,\n")
    table = pd.read_parquet(outcome.plan.folder.samples)
    assert table["status"].tolist() == ["ok", "failed", "ok"], "evalkit's own columns are its own"
    assert table["prompt[status]"].tolist() == ["x", "x", "y"]
    assert table[f"prompt[{HOSTILE}]"].tolist()[:2] == [1.0, 2.0] and pd.isna(table[f"prompt[{HOSTILE}]"][2])
    items = read_run(outcome.plan.folder.root).items
    assert items[1].failed and items[1].columns == {
        "status": "x", HOSTILE: 2.0, "evalkit_fakes:LEVEL": "r", "tags": ("u", "v")
    }  # fmt: skip
    assert set(items[0].scores) == {"evalkit_fakes:LEVEL", "evalkit_fakes:MATCH"}, "no column is taken for a metric"
    assert items[0].scores["evalkit_fakes:LEVEL"] is not None
    told = json.loads(outcome.plan.folder.run_json.read_text())["columns"]
    assert told["carried"]["tags"] == "tags" and told["left_out"] == {}


def test_columns_change_neither_a_runs_id_nor_its_sounds_and_are_put_beside_those_that_are_there(
    go: Any, tmp_path: Path
) -> None:
    before = go(["a", "b"])
    made, calls = sorted(before.plan.folder.audio.iterdir()), len(evalkit_fakes.Moody.calls)
    stamps = [path.stat().st_mtime_ns for path in made]
    after, notes = again(tmp_path, "genre\nrock\njazz\n")
    assert after.plan.run_id == before.plan.run_id and after.plan.folder == before.plan.folder
    assert [path.stat().st_mtime_ns for path in made] == stamps and len(evalkit_fakes.Moody.calls) == calls
    assert any("further columns are new" in note for note in notes) and not after.reused
    assert [item.columns["genre"] for item in read_run(after.plan.folder.root).items] == ["rock", "jazz"]
    assert json.loads(json.dumps(after.scores)) == json.loads(json.dumps(before.scores))
    same, notes = again(tmp_path, "\n" * 2 + "\n")
    assert same.reused and not any("columns" in note for note in notes), "and then there is nothing to do"


@pytest.mark.parametrize(("rows", "metrics", "kept"), [(1, 10, 32), (200_000, 8, 2), (200_000, 10, 0), (10**6, 3, 0)])
def test_a_table_never_grows_beyond_what_is_read_again(rows: int, metrics: int, kept: int) -> None:
    found = columns_that_fit([f"c{place}" for place in range(32)], rows, metrics)
    assert len(found) == kept
    assert not found or (20 + metrics + len(found)) * rows <= MOST_CELLS
